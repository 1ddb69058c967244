package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// childDir, in the environment, makes the test binary record in a journal in
// that folder until it is killed, and nothing else.
const childDir = "ZOTPAPER_TEST_JOURNAL_DIR"

// childConnections is how many goroutines of the child record at once.
const childConnections = 4

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, recordAsChild(dir))
	os.Exit(1)
}

// recordAsChild says on standard output what it has recorded: "B 7" when
// Begin(7) has returned, "E 7" when End has.
func recordAsChild(dir string) error {
	j, err := Create(dir, id)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for c := range childConnections {
		go func() {
			for position := int64(c); ; position += childConnections {
				if err := j.Begin(position); err != nil {
					failed <- err
				}
				fmt.Printf("B %d\n", position)
				if err := j.End(position, childOutcome(position)); err != nil {
					failed <- err
				}
				fmt.Printf("E %d\n", position)
			}
		}()
	}
	go func() {
		for {
			if err := j.Sync(); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

// childOutcome is of any length, so that records cross from page to page.
func childOutcome(position int64) []byte {
	return bytes.Repeat([]byte{byte(position)}, int(position*97%maxOutcome))
}

// TestKill kills a process that records, with SIGKILL, at random moments, and
// looks at what it left.
func TestKill(t *testing.T) {
	const (
		kills = 20
		seed  = 7
	)
	random := rand.New(rand.NewPCG(seed, seed))
	torn, doubt := 0, 0
	for range kills {
		dir := t.TempDir()
		said := recordAndKill(t, dir, 1+random.IntN(2000))
		l := find(t, dir)
		inDoubt := 0
		for _, e := range entriesOf(t, l) {
			if !e.Ended {
				inDoubt++
			} else if !bytes.Equal(e.Outcome, childOutcome(e.Position)) {
				t.Errorf("position %d has the outcome of another", e.Position)
			}
		}
		if inDoubt > childConnections {
			t.Errorf("%d in doubt, with %d connections", inDoubt, childConnections)
		}
		for position, kind := range said {
			e, known := l.entries[position]
			if !known || kind == ended && !e.Ended {
				t.Errorf("position %d: the process said %c, the journal %+v", position, kind, e)
			}
		}
		if l.Torn() {
			torn++
		}
		doubt += inDoubt
		must(t, l.Remove())
	}
	t.Logf("%d kills: %d torn, %d in doubt", kills, torn, doubt)
}

// recordAndKill runs a child until it has said so many lines, and returns the
// last that it said of each position.
func recordAndKill(t *testing.T, dir string, lines int) map[int64]byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	said := map[int64]byte{}
	r := bufio.NewReader(stdout)

	for n := 0; ; n++ {
		if n == lines {
			if _, err := Find(dir, id); !errors.Is(err, ErrAlive) {
				t.Errorf("Find while the owner lives: %v", err)
			}
			if _, err := Create(dir, id); err == nil {
				t.Error("Create while the owner lives: no error")
			}
			must(t, cmd.Process.Kill())
		}
		// A line without its end was cut off by the kill.
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var kind byte
		var position int64
		_, malformed := fmt.Sscanf(line, "%c %d\n", &kind, &position)
		must(t, err, malformed)
		said[position] = kind
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 || len(said) == 0 {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return said
}
