package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
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
//	inbox
//	received N
//
// which start a mail server for zotpaper to send to, want it to have received
// N messages so far, and write them to mail-1.eml and on; and
//
//	article NAME [MINUTES]
//
// which files an article published so many minutes ago, 60 if not said.
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
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":   wantStatus,
			"inbox":    startInbox,
			"received": wantReceived,
			"article":  fileArticle,
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

func startInbox(ts *testscript.TestScript, _ bool, _ []string) {
	inbox, err := smtptest.Start(smtptest.Options{})
	ts.Check(err)
	ts.Defer(func() { inbox.Close() })
	ts.Setenv("ZOTPAPER_SMTP_HOST", inbox.Host())
	ts.Setenv("ZOTPAPER_SMTP_PORT", strconv.Itoa(inbox.Port()))
	ts.Setenv("ZOTPAPER_SMTP_TLS", "none")
	inboxes.Store(ts, inbox)
}

// inboxes has the mail server of each script that runs.
var inboxes sync.Map

func wantReceived(ts *testscript.TestScript, neg bool, args []string) {
	value, ok := inboxes.Load(ts)
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: inbox; received N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	messages := value.(*smtptest.Server).Messages()
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
