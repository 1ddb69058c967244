package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// TestMain lets the test binary be the command zotpaper for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"zotpaper": func() { os.Exit(start()) },
	})
}

// TestScripts runs the files of testdata/script, each in a folder of its own.
// A script is what a person types and sees. Beyond the commands of testscript
// there is
//
//	status N zotpaper ARGS...
//
// which runs zotpaper and wants the exit status N;
//
//	until TEXT zotpaper ARGS...
//
// which runs zotpaper again and again until it prints TEXT;
//
//	inbox [after N | cut ADDRESS | reject]
//	await N
//	received N
//	open
//
// which start a mail server for zotpaper to send to; wait until it has received
// N messages; want it to have received N so far, and write them to mail-1.eml
// and on. The server takes everything, or answers nothing more after N messages,
// hangs up once on the first message to ADDRESS that it has taken, or rejects
// every recipient; until it is opened. And
//
//	article NAME [MINUTES]
//	readers N
//
// which file an article published so many minutes ago, 60 if not said, and write
// N addresses to readers.csv. And
//
//	feed FILE | down
//
// which serves an RSS feed with the items in FILE to zotpaper, NOW in it being
// half an hour ago; or has its server fail.
//
// Words that are cobra's are left out of what a script compares: they change.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// The race detector sleeps for a second at the end of every
			// process, in case another goroutine still finds a race.
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			// Mail to the editors would come between what scripts count; those
			// that are about it say so.
			env.Setenv("ZOTPAPER_EDITORS_ALERT", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":   wantStatus,
			"until":    waitUntil,
			"inbox":    startInbox,
			"await":    awaitReceived,
			"received": wantReceived,
			"open":     openInbox,
			"article":  fileArticle,
			"readers":  writeReaders,
			"feed":     serveFeed,
		},
	})
}

func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("status %q: want a number", args[0])
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", args[1], got, want)
	}
}

// waitUntil looks from outside at what another process does, so it can only ask.
func waitUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND ARGS...")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("%s never said %q", args[1], args[0])
}

// An inbox is the mail server of a script.
type inbox struct {
	*smtptest.Server
	opened   chan struct{} // closed when it takes everything
	after    int64         // messages that are answered before; below 0: all
	cut      string        // who is hung up on
	reject   bool
	messages atomic.Int64 // that reached the final dot
}

func startInbox(ts *testscript.TestScript, neg bool, args []string) {
	in := &inbox{opened: make(chan struct{}), after: -1}
	switch {
	case neg:
		ts.Fatalf("usage: inbox [after N | cut ADDRESS | reject]")
	case len(args) == 0:
	case len(args) == 1 && args[0] == "reject":
		in.reject = true
	case len(args) == 2 && args[0] == "cut":
		in.cut = args[1]
	case len(args) == 2 && args[0] == "after":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		in.after = int64(n)
	default:
		ts.Fatalf("usage: inbox [after N | cut ADDRESS | reject]")
	}
	var err error
	in.Server, err = smtptest.Start(smtptest.Options{Script: in.answer})
	ts.Check(err)
	ts.Defer(func() { in.Close() })
	ts.Setenv("ZOTPAPER_SMTP_HOST", in.Host())
	ts.Setenv("ZOTPAPER_SMTP_PORT", strconv.Itoa(in.Port()))
	ts.Setenv("ZOTPAPER_SMTP_TLS", "none")
	inboxes.Store(ts, in)
}

// answer is the script of the mail server.
func (in *inbox) answer(e smtptest.Event) smtptest.Answer {
	select {
	case <-in.opened:
		return smtptest.Answer{}
	default:
	}
	switch {
	case in.reject && e.Phase == smtptest.Rcpt:
		return smtptest.Answer{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}
	case e.Phase != smtptest.Message:
	case e.Recipient == in.cut && e.Count == 1:
		return smtptest.Answer{HangUp: true}
	case in.after >= 0 && in.messages.Add(1) > in.after:
		return smtptest.Answer{Wait: in.opened}
	}
	return smtptest.Answer{}
}

// inboxes has the mail server of each script that runs.
var inboxes sync.Map

// inboxOf returns the mail server of ts.
func inboxOf(ts *testscript.TestScript) *inbox {
	value, ok := inboxes.Load(ts)
	if !ok {
		ts.Fatalf("there is no inbox")
	}
	return value.(*inbox)
}

func openInbox(ts *testscript.TestScript, _ bool, _ []string) { close(inboxOf(ts).opened) }

func awaitReceived(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ts.Check(inboxOf(ts).Wait(ctx, want))
}

func writeReaders(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readers N")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := "email\n"
	for i := range n {
		text += fmt.Sprintf("reader%d@example.org\n", i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs("readers.csv"), []byte(text), 0o644))
}

func wantReceived(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: inbox; received N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	messages := inboxOf(ts).Messages()
	if len(messages) != want {
		ts.Fatalf("%d messages were received, want %d", len(messages), want)
	}
	for i, m := range messages {
		ts.Check(os.WriteFile(ts.MkAbs(fmt.Sprintf("mail-%d.eml", i+1)), m.Raw, 0o644))
	}
}

func fileArticle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: article NAME [MINUTES]")
	}
	minutes := 60
	if len(args) == 2 {
		var err error
		minutes, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	published := time.Now().Add(-time.Duration(minutes) * time.Minute)
	text := fmt.Sprintf("---\nheadline: The Headline of %s\nsection: World\npublished: %s\n---\nThe text of %s.\n",
		args[0], published.Format(time.RFC3339), args[0])
	name := ts.MkAbs(filepath.Join("articles", args[0]+".md"))
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, []byte(text), 0o644))
	// Long enough ago for nobody to wait until it holds still.
	filed := time.Now().Add(-time.Hour)
	ts.Check(os.Chtimes(name, filed, filed))
}
