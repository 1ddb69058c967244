package dispatch

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
)

// childVariable is the environment that makes the test binary do a childWork
// and nothing else, for the tests to kill.
const childVariable = "ZOTPAPER_TEST_DISPATCH_CHILD"

// A childWork is what a child does: it dispatches an edition, or freezes one.
type childWork struct {
	Database    string
	Port        int // of the mail server
	Edition     int64
	Journal     string
	Connections int
	OnInDoubt   InDoubt
	Lease       time.Duration
	Size        int // bytes that its messages are longer; 0: none

	Point point // where it dies, when it comes there for the Hit-th time
	Hit   int64

	Freeze time.Duration // it freezes Edition, and dies so long after it began
	Idle   bool          // it freezes Edition, and dies when that is committed
}

func TestMain(m *testing.M) {
	text := os.Getenv(childVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var w childWork
	err := json.Unmarshal([]byte(text), &w)
	if err == nil {
		err = w.do(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (w childWork) do(ctx context.Context) error {
	begun := time.Now()
	db, err := database.Open(ctx, w.Database)
	if err != nil {
		return err
	}
	l := Ledger{DB: db, Now: func() time.Time { return trialDay.Add(time.Since(begun)) }}
	if w.Freeze > 0 || w.Idle {
		return w.freeze(ctx, l)
	}
	d := &Dispatcher{
		Ledger:  l,
		Relays:  []Relay{{Relay: mailer.Relay{Host: "127.0.0.1", Port: w.Port, TLS: mailer.TLSNone, Pipelining: true}}},
		Journal: w.Journal, Connections: w.Connections, OnInDoubt: w.OnInDoubt, Lease: w.Lease,
		Owner: fmt.Sprintf("child:%d", os.Getpid()), Log: slog.New(slog.DiscardHandler),
	}
	var hits atomic.Int64
	d.failpoint = func(p point) {
		if p == w.Point && hits.Add(1) >= w.Hit {
			die()
		}
	}
	_, err = d.Run(ctx, Assignment{Edition: key, EditionID: w.Edition, Compose: w.compose})
	return err
}

// die kills this process with SIGKILL.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // nothing more is done while the signal is on its way
}

func (w childWork) freeze(ctx context.Context, l Ledger) error {
	if w.Freeze > 0 {
		time.AfterFunc(w.Freeze, die)
	}
	err := l.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := l.Freeze(ctx, tx, w.Edition, "afternoon", trialDay.Add(20*time.Hour))
		return err
	})
	if err == nil && w.Idle {
		die()
	}
	return err
}

func (w childWork) compose(ctx context.Context, issue int, started time.Time) (Letter, error) {
	l, err := compose(ctx, issue, started)
	if w.Size > 0 {
		return long{l, w.Size}, err
	}
	return l, err
}

// long is a letter with so many bytes more at its end.
type long struct {
	Letter
	size int
}

func (l long) Compose(buffer []byte, d *Delivery) (mailer.Envelope, mailer.Wire, []byte, error) {
	envelope, wire, buffer, err := l.Letter.Compose(buffer, d)
	if err == nil {
		line := []byte("Words that go on and on.\r\n")
		wire, err = mailer.NewWire(append(wire.Raw(), bytes.Repeat(line, l.size/len(line))...))
	}
	return envelope, wire, buffer, err
}

// A shared is a trial whose database other processes can open.
type shared struct {
	*trial
	url string
}

// eachShared runs f on both databases, by their URL.
func eachShared(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db")) })
	t.Run("postgres", func(t *testing.T) { f(t, databasetest.PostgreSQLURL(t)) })
}

func openURL(t *testing.T, url string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // it goes with the test
	return db
}

func newShared(t *testing.T, url string, n int, script func(smtptest.Event) smtptest.Answer) *shared {
	t.Helper()
	return &shared{newTrial(t, openURL(t, url), n, script), url}
}

// command returns the command that does w for tr, but for what w says otherwise.
func (tr *shared) command(ctx context.Context, w childWork) *exec.Cmd {
	tr.t.Helper()
	w.Database, w.Journal, w.OnInDoubt = tr.url, tr.Journal, tr.OnInDoubt
	if w.Edition == 0 {
		w.Edition = tr.edition
	}
	if w.Port == 0 {
		w.Port = tr.server.Port()
	}
	if w.Connections == 0 {
		w.Connections = tr.Connections
	}
	text, err := json.Marshal(w)
	if err != nil {
		tr.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

// dies runs w and expects that it is killed.
func (tr *shared) dies(w childWork) {
	tr.t.Helper()
	if err := tr.command(tr.t.Context(), w).Run(); !isKilled(err) {
		tr.t.Fatalf("the child was to die %s: %v", w.Point, err)
	}
}

// isKilled reports whether err says that a process did not end by itself.
func isKilled(err error) bool {
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // as Cmd.Wait returns it
	return ok && !exit.Exited()
}

// successor returns the dispatcher of another process of the same machine,
// whose clock runs as fast as others', and which has no reason to wait.
func (tr *trial) successor(owner string) *Dispatcher {
	d := *tr.Dispatcher
	begun := time.Now()
	d.Ledger.Now = func() time.Time { return trialDay.Add(time.Since(begun)) }
	d.Owner, d.Wait, d.Lease, d.hurry = owner, nil, 0, 0
	return &d
}

// takesOver has a successor finish the dispatch. It must not wait for a lease:
// its predecessor died on its own machine.
func (tr *trial) takesOver() Tally {
	tr.t.Helper()
	return tr.takesOverWith(compose)
}

func (tr *trial) takesOverWith(compose func(context.Context, int, time.Time) (Letter, error)) Tally {
	tr.t.Helper()
	const within = 5 * time.Second
	ctx, cancel := context.WithTimeout(tr.t.Context(), time.Minute)
	defer cancel()
	d := tr.successor("test:successor")
	began := time.Now()
	var first atomic.Int64
	d.failpoint = func(p point) {
		if p == batchTaken {
			first.CompareAndSwap(0, int64(time.Since(began)))
		}
	}
	a := tr.assignment()
	a.Compose = compose
	tally, err := d.Run(ctx, a)
	if err != nil || !tally.Complete() {
		tr.t.Errorf("the successor's Run: %+v, error %v", tally, err)
	}
	if waited := time.Duration(first.Load()); waited > within {
		tr.t.Errorf("the successor waited %v for the first batch, want at most %v", waited, within)
	}
	return tally
}

// audit compares the ledger with what arrived, and returns how many copies too
// many there are and how often anybody was in doubt. Whoever counts as sent has
// a copy; nobody has more copies than times in doubt and one; all copies of one
// are the same to the byte; and of those who never were in doubt nobody has a
// copy without the ledger's knowledge.
func (tr *trial) audit() (extra, doubts int) {
	tr.t.Helper()
	copies := map[string][]smtptest.Received{}
	for _, m := range tr.received() {
		copies[m.To] = append(copies[m.To], m)
	}
	for address, s := range tr.states() {
		n := len(copies[address])
		doubts += s.doubts
		extra += max(n-1, 0)
		if s.state == Sent && n == 0 {
			tr.t.Errorf("%s is lost: sent, as the ledger says, and nothing came", address)
		}
		if n > 1+s.doubts {
			tr.t.Errorf("%s has %d copies and was in doubt %d times", address, n, s.doubts)
		}
		if n > 0 && s.doubts == 0 && s.state != Sent {
			tr.t.Errorf("%s has %d copies and is %s, never in doubt", address, n, s.state)
		}
		for _, m := range copies[address] {
			if !bytes.Equal(m.Raw, copies[address][0].Raw) {
				tr.t.Errorf("copies to %s differ:\n%s\n%s", address, copies[address][0].Raw, m.Raw)
			}
		}
	}
	return extra, doubts
}

// A row is what the ledger says of one reader.
type row struct {
	state            State
	doubts, attempts int
	issue            int
}

// states returns what the ledger says of each reader.
func (tr *trial) states() map[string]row {
	tr.t.Helper()
	rows, err := tr.Ledger.DB.QueryContext(tr.t.Context(),
		"SELECT address, state, in_doubt, attempts, issue FROM deliveries WHERE edition_id = $1", tr.edition)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer rows.Close()
	states := map[string]row{}
	for rows.Next() {
		var address string
		var r row
		if err := rows.Scan(&address, &r.state, &r.doubts, &r.attempts, &r.issue); err != nil {
			tr.t.Fatal(err)
		}
		states[address] = r
	}
	if err := rows.Err(); err != nil {
		tr.t.Fatal(err)
	}
	return states
}
