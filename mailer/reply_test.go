package mailer

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	reply := func(command string, code int, enhanced string) error {
		return fmt.Errorf("delivery 7: %w", &ReplyError{command, Reply{code, enhanced, "x"}})
	}
	for _, tt := range []struct {
		name                         string
		err                          error
		permanent, ourFault, inDoubt bool
	}{
		{"no such mailbox", reply("RCPT", 550, "5.1.1"), true, false, false},
		{"no such mailbox, without a status", reply("RCPT", 550, ""), true, false, false},
		{"mailbox full for good", reply("message", 552, "5.2.2"), true, false, false},
		{"mailbox full", reply("RCPT", 452, "4.2.2"), false, false, false},
		{"greylisted", reply("RCPT", 451, "4.7.1"), false, false, false},
		{"too fast", reply("MAIL", 421, "4.7.28"), false, false, false},
		{"busy", reply("connect", 421, "4.3.2"), false, false, false},
		{"policy", reply("message", 554, "5.7.1"), true, true, false},
		{"too big for the server", reply("MAIL", 552, "5.3.4"), true, true, false},
		{"too big for one mailbox", reply("RCPT", 552, "5.2.3"), true, false, false},
		{"no DMARC", reply("message", 550, "5.7.26"), true, true, false},
		{"not authenticated enough, says Microsoft", reply("message", 550, "5.7.515"), true, true, false},
		{"no PTR, for now", reply("message", 450, "4.7.23"), false, true, false},
		{"no TLS, for now", reply("message", 450, "4.7.29"), false, true, false},
		{"not aligned, for now", reply("message", 421, "4.7.32"), false, true, false},
		{"login wanted", reply("MAIL", 530, "5.7.0"), true, true, false},
		{"login wanted, without a status", reply("MAIL", 530, ""), true, true, false},
		{"wrong password", reply("AUTH", 535, ""), true, true, false},
		{"login refused for now", reply("AUTH", 454, ""), false, true, false},
		{"throttled", reply("message", 454, "4.3.0"), false, false, false},
		{"no TLS to be had", fmt.Errorf("dial: %w", &TLSError{io.EOF}), false, true, false},
		{"in doubt", fmt.Errorf("delivery 7: %w", &InDoubtError{io.EOF}), false, false, true},
		{"cut", io.ErrUnexpectedEOF, false, false, false},
		{"nothing", nil, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if Permanent(tt.err) != tt.permanent || OurFault(tt.err) != tt.ourFault || InDoubt(tt.err) != tt.inDoubt {
				t.Errorf("%v: permanent %t, our fault %t, in doubt %t", tt.err, Permanent(tt.err), OurFault(tt.err), InDoubt(tt.err))
			}
		})
	}
	if !errors.Is(&InDoubtError{io.EOF}, io.EOF) || !errors.Is(&TLSError{io.EOF}, io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestNewReply(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want Reply
	}{
		"a status":              {"5.1.1 no such mailbox", Reply{550, "5.1.1", "no such mailbox"}},
		"no status":             {"no such mailbox", Reply{550, "", "no such mailbox"}},
		"a status alone":        {"5.1.1", Reply{550, "5.1.1", ""}},
		"a version":             {"5.1.1-p3 is our version", Reply{550, "", "5.1.1-p3 is our version"}},
		"an address":            {"192.0.2.1 is listed", Reply{550, "", "192.0.2.1 is listed"}},
		"a status in each line": {"5.7.26 not\n5.7.26 authenticated", Reply{550, "5.7.26", "not authenticated"}},
		"nothing":               {"", Reply{550, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newReply(550, tt.text); got != tt.want {
				t.Errorf("newReply(%q) = %+v, want %+v", tt.text, got, tt.want)
			}
		})
	}
}

func FuzzNewReply(f *testing.F) {
	f.Add(550, "5.1.1 no such\n5.1.1 mailbox")
	f.Add(250, "\x00\xff\x1b[31m")
	f.Fuzz(func(t *testing.T, code int, text string) {
		r := newReply(code, text)
		if !utf8.ValidString(r.Text) || len(r.Text) > textLimit {
			t.Errorf("newReply(%q): text %q", text, r.Text)
		}
		for _, c := range r.Text + r.Enhanced {
			if unicode.IsControl(c) {
				t.Errorf("newReply(%q): %U in %q", text, c, r.Text)
			}
		}
	})
}
