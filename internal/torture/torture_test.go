//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	tests := []struct {
		name   string
		state  string
		doubts int
		got    received
		want   verdict
	}{
		{"who has it once is no news", "sent", 0, received{copies: 1}, verdict{Recipients: 1}},
		{"sent as the ledger has it, and never arrived", "sent", 0, received{}, verdict{Recipients: 1, Lost: 1, Unfounded: 1}},
		{"sent again after doubt, and never arrived", "sent", 1, received{}, verdict{Recipients: 1, Lost: 1, Unfounded: 1, InDoubt: 1}},
		{"never sent", "pending", 0, received{}, verdict{Recipients: 1, Lost: 1}},
		{"given up without a reason", "expired", 0, received{}, verdict{Recipients: 1, Lost: 1}},
		{"a second copy after doubt", "sent", 1, received{copies: 2}, verdict{Recipients: 1, Inside: 1, InDoubt: 1}},
		{"a third copy after one doubt", "sent", 1, received{copies: 3}, verdict{Recipients: 1, Inside: 1, Outside: 1, InDoubt: 1}},
		{"a third copy after two doubts", "sent", 2, received{copies: 3}, verdict{Recipients: 1, Inside: 2, InDoubt: 2}},
		{"a second copy of nobody in doubt", "sent", 0, received{copies: 2}, verdict{Recipients: 1, Outside: 1}},
		{"in doubt and not sent twice", "sent", 1, received{copies: 1}, verdict{Recipients: 1, InDoubt: 1}},
		{"held, and has it", "held", 1, received{copies: 1}, verdict{Recipients: 1, InDoubt: 1, Held: 1, HeldGot: 1}},
		{"held, and has it not", "held", 1, received{}, verdict{Recipients: 1, InDoubt: 1, Held: 1}},
		{"held for no reason", "held", 0, received{}, verdict{Recipients: 1, Lost: 1}},
		{"copies that differ", "sent", 1, received{copies: 2, differing: 1}, verdict{Recipients: 1, Inside: 1, InDoubt: 1, Differing: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v verdict
			v.add(tt.state, tt.doubts, tt.got)
			if v != tt.want {
				t.Errorf("add(%s, %d, %+v) = %+v, want %+v", tt.state, tt.doubts, tt.got, v, tt.want)
			}
		})
	}
}

func TestReadLedgerComparesCopies(t *testing.T) {
	const (
		one  = "1\t1\ta@example.org\t<1@news>\t10\taa\n"
		two  = "2\t2\ta@example.org\t<1@news>\t10\taa\n"
		id   = "3\t3\ta@example.org\t<2@news>\t10\taa\n"
		text = "4\t4\ta@example.org\t<1@news>\t10\tbb\n"
		b    = "5\t4\tb@example.org\t<3@news>\t10\tcc\n"
	)
	file := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(file, []byte(one+two+b+id+text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readLedger(file)
	if err != nil {
		t.Fatal(err)
	}
	if a := got["a@example.org"]; a.copies != 4 || a.differing != 2 {
		t.Errorf("a has %d copies, %d of them differ; want 4 and 2", a.copies, a.differing)
	}
	if b := got["b@example.org"]; b.copies != 1 || b.differing != 0 || len(got) != 2 {
		t.Errorf("b has %d copies, %d of them differ, and there are %d readers; want 1, 0 and 2", b.copies, b.differing, len(got))
	}
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	balanced := shown{State: "complete"}
	balanced.Tally.Recipients, balanced.Tally.Sent = 9, 9
	short := balanced
	short.Tally.Sent = 8
	tests := []struct {
		name   string
		policy string
		v      verdict
		s      shown
		want   string // empty: nothing is broken
	}{
		{"all is well", "resend", verdict{Inside: 2, InDoubt: 4}, balanced, ""},
		{"a reader lost", "resend", verdict{Lost: 1}, balanced, "1 lost"},
		{"a copy too many", "resend", verdict{Outside: 1}, balanced, "1 copies too many"},
		{"more in doubt than there were conversations", "resend", verdict{InDoubt: 5}, balanced, "5 in doubt after 2 kills of 2 connections"},
		{"a copy to somebody held", "hold", verdict{Inside: 1, InDoubt: 1}, balanced, "should have been held"},
		{"copies that differ", "resend", verdict{Differing: 1}, balanced, "differ"},
		{"somebody the ledger does not know", "resend", verdict{Strangers: 1}, balanced, "does not know"},
		{"the equation", "resend", verdict{}, short, "equation"},
		{"an edition that is not complete", "resend", verdict{}, shown{State: "dispatching", Tally: balanced.Tally}, "dispatching"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := &siege{plan: plan{connections: 2, policy: tt.policy, recipients: 9}, result: &result{}}
			g.check(&assault{siege: g, kills: make([]killed, 2)}, tt.v, tt.s)
			got := strings.Join(g.result.Broken, "; ")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("check(%+v) = %q, want %q", tt.v, got, tt.want)
			}
		})
	}
}

func TestReplaceKeepsTheRest(t *testing.T) {
	s := &shop{root: t.TempDir()}
	file := filepath.Join(s.root, "BENCHMARKS.md")
	const before = "Above.\n<!-- torture: kill -->\nold\n<!-- end -->\nBetween.\n<!-- torture: bench -->\n<!-- end -->\nBelow.\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.replace("kill", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(before, "old", "new", 1); string(got) != want {
		t.Errorf("replace left %q, want %q", got, want)
	}
	if err := s.replace("nothing", ""); err == nil {
		t.Error("replace of a table that has no place, want an error")
	}
}

func TestThousands(t *testing.T) {
	for f, want := range map[float64]string{0: "0.00", 9.876: "9.88", 12.34: "12.3", 987.6: "988", 1234: "1,230", 20_000: "20,000", 1_234_567: "1,230,000"} {
		if got := thousands(f); got != want {
			t.Errorf("thousands(%v) = %q, want %q", f, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median(3, 1, 2) = %v, want 2", got)
	}
	if got := median([]float64{4, 1}); got != 1 {
		t.Errorf("median(4, 1) = %v, want 1", got)
	}
}
