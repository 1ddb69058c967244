package subscribers

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// A desk is a store with a clock that can be set.
type desk struct {
	*Store
	now time.Time
}

func newDesk(t *testing.T, db *database.DB) *desk {
	t.Helper()
	d := &desk{Store: newStore(t, db)}
	d.now = d.Now()
	d.Now = func() time.Time { return d.now }
	return d
}

func (d *desk) pass(span time.Duration) { d.now = d.now.Add(span) }

var home = Origin{IP: netip.MustParseAddr("192.0.2.7")}

// signUp asks for lists as somebody who knows the address.
func (d *desk) signUp(t *testing.T, address string, lists ...string) {
	t.Helper()
	if err := d.Subscribe(t.Context(), Signup{Address: address, Name: "Anna", Zone: "Europe/Berlin", Lists: lists, Origin: home}); err != nil {
		t.Fatalf("Subscribe %s to %v: %v", address, lists, err)
	}
}

// due returns the notices that are to be sent, and has them sent.
func (d *desk) due(t *testing.T) []Notice {
	t.Helper()
	notices, err := d.ClaimNotices(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notices {
		if err := d.SettleNotice(t.Context(), n.ID, NoticeSent, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return notices
}

// theOne returns the one notice that is due, of that kind.
func (d *desk) theOne(t *testing.T, kind Kind, address string) Notice {
	t.Helper()
	due := d.due(t)
	if len(due) != 1 || due[0].Kind != kind || due[0].Address != address {
		t.Fatalf("notices %+v, want one of kind %s to %s", due, kind, address)
	}
	return due[0]
}

// confirmed signs somebody up and has them confirm.
func (d *desk) confirmed(t *testing.T, address string, lists ...string) Record {
	t.Helper()
	d.signUp(t, address, lists...)
	if _, err := d.Confirm(t.Context(), d.theOne(t, KindConfirm, address).Ref, home); err != nil {
		t.Fatal(err)
	}
	d.pass(25 * time.Hour) // past the day in which they get no other mail
	return d.show(t, address)
}

func (d *desk) show(t *testing.T, who string) Record {
	t.Helper()
	r, err := d.Show(t.Context(), who)
	if err != nil {
		t.Fatalf("Show %s: %v", who, err)
	}
	return r
}

// state returns how somebody stands with a list; empty if nothing is known.
func (d *desk) state(t *testing.T, who, list string) string {
	t.Helper()
	r, err := d.Show(t.Context(), who)
	if errors.Is(err, ErrUnknown) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Consents {
		if c.List == list {
			return c.State
		}
	}
	return ""
}

func (d *desk) wantMailable(t *testing.T, list string, want ...string) {
	t.Helper()
	if got := mailable(t, d.Store, list); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("members of %s: %q, want %q", list, got, want)
	}
}

func TestNobodyIsOnAListBeforeTheyConfirm(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		form, err := d.Form(t.Context(), "en", "Send me the paper.")
		if err != nil {
			t.Fatal(err)
		}
		origin := Origin{IP: netip.MustParseAddr("2001:db8::1"), Form: form}
		if err := d.Subscribe(t.Context(), Signup{Address: "Anna@Example.org", Name: "Anna", Zone: "Europe/Berlin", Lists: []string{"afternoon"}, Origin: origin}); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon")
		if got := d.state(t, "anna@example.org", "afternoon"); got != "pending" {
			t.Errorf("before the answer the consent is %q, want pending", got)
		}
		if r := d.show(t, "anna@example.org"); r.Subscriber.Name != "" {
			t.Errorf("the name %q that a stranger may have chosen is kept before the answer", r.Subscriber.Name)
		}
		n := d.theOne(t, KindConfirm, "Anna@example.org")
		q, err := d.Question(t.Context(), n.Ref)
		if err != nil || q.Answered || len(q.Lists) != 1 || q.Lists[0].Title != "Afternoon Edition" {
			t.Errorf("Question: %+v, %v, want the afternoon edition, not answered", q, err)
		}
		d.pass(time.Hour)
		for i := range 2 {
			q, err := d.Confirm(t.Context(), n.Ref, Origin{IP: netip.MustParseAddr("192.0.2.9")})
			if err != nil || q.Answered != (i == 1) {
				t.Errorf("Confirm, time %d: %+v, %v", i+1, q, err)
			}
		}
		d.wantMailable(t, "afternoon", "Anna@example.org Anna")

		r := d.show(t, "anna@example.org")
		proof := r.Consents[0].Proof
		if proof == nil || proof.AskedFrom != "2001:db8::1" || proof.ConfirmedIP != "192.0.2.9" || proof.Form != form ||
			proof.ConfirmedAt.Sub(proof.AskedAt) != time.Hour {
			t.Errorf("proof %+v, want both times, both addresses and form %d", proof, form)
		}
		if len(r.Forms) != 1 || r.Forms[0].Text != "Send me the paper." {
			t.Errorf("forms %+v, want the words the reader saw", r.Forms)
		}
		if r.Subscriber.Zone != "Europe/Berlin" {
			t.Errorf("zone %q, want the one given", r.Subscriber.Zone)
		}
	})
}

func TestAFormHasOneVersionForEachWording(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		versions := map[string]int64{}
		for range 2 {
			for _, text := range []string{"Send me the paper.", "Send me the paper!"} {
				v, err := s.Form(t.Context(), "en", text)
				if err != nil {
					t.Fatal(err)
				}
				if before, ok := versions[text]; ok && before != v {
					t.Errorf("%q has the versions %d and %d", text, before, v)
				}
				versions[text] = v
			}
		}
		if versions["Send me the paper."] == versions["Send me the paper!"] {
			t.Error("two wordings have one version")
		}
	})
}

// What strangers do with somebody's address changes nothing for them.
func TestStrangersCannotUnconfirm(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.confirmed(t, "anna@example.org", "afternoon")
		d.signUp(t, "ANNA@example.org", "afternoon")
		d.wantMailable(t, "afternoon", "anna@example.org Anna")
		if n := d.theOne(t, KindKnown, "ANNA@example.org"); n.Subscriber == "" {
			t.Error("the notice does not say whose preferences to link to")
		}
		d.pass(25 * time.Hour)

		if _, err := d.Unsubscribe(t.Context(), "afternoon", "anna@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		d.signUp(t, "anna@example.org", "afternoon")
		if got := d.state(t, "anna@example.org", "afternoon"); got != "withdrawn" {
			t.Errorf("a request made the withdrawn consent %q", got)
		}
		// Their own answer does.
		if _, err := d.Confirm(t.Context(), d.theOne(t, KindConfirm, "anna@example.org").Ref, home); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon", "anna@example.org Anna")
	})
}

func TestOneMailADayWhateverThePath(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.Limits = Limits{Network: 100000, Total: 100000}
		bert := d.confirmed(t, "bert@example.org", "afternoon").Subscriber.Ref
		ask := []func() error{
			func() error {
				return d.Subscribe(t.Context(), Signup{Address: "victim@example.org", Lists: []string{"afternoon"}, Origin: home})
			},
			func() error {
				return d.Subscribe(t.Context(), Signup{Address: "VICTIM@example.ORG", Lists: []string{"morning", "afternoon"}})
			},
			func() error { return d.RequestMove(t.Context(), bert, "Victim@example.org", Origin{}) },
		}
		var running sync.WaitGroup
		for i := range 60 {
			running.Go(func() {
				if err := ask[i%len(ask)](); err != nil {
					t.Errorf("request %d: %v", i, err)
				}
			})
		}
		running.Wait()
		if due := d.due(t); len(due) != 1 {
			t.Errorf("%d mails to one victim, want 1: %+v", len(due), due)
		}
		d.pass(23*time.Hour + 59*time.Minute)
		if err := ask[0](); err != nil {
			t.Fatal(err)
		}
		if due := d.due(t); len(due) != 0 {
			t.Errorf("another mail within the day: %+v", due)
		}
		d.pass(2 * time.Minute)
		if err := ask[1](); err != nil {
			t.Fatal(err)
		}
		if due := d.due(t); len(due) != 1 {
			t.Errorf("%d mails on the next day, want 1", len(due))
		}
		// Whoever had themselves erased is not a way round it.
		if err := d.Erase(t.Context(), "victim@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		if err := ask[0](); err != nil {
			t.Fatal(err)
		}
		if due := d.due(t); len(due) != 0 {
			t.Errorf("another mail within the day, after an erasure: %+v", due)
		}
	})
}

func TestStrangersHaveLimits(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.Limits = Limits{Network: 3, Total: 5}
		ask := func(i int, ip string) error {
			su := Signup{Address: fmt.Sprintf("reader%d@example.org", i), Lists: []string{"afternoon"}}
			if ip != "" {
				su.IP = netip.MustParseAddr(ip)
			}
			return d.Subscribe(t.Context(), su)
		}
		tests := []struct {
			rule  string
			ip    string
			total *bool // nil: it may
		}{
			{"the first of a network", "2001:db8::1", nil},
			{"the second, from another address in it", "2001:db8::2", nil},
			{"the third", "2001:db8::3:3", nil},
			{"the fourth is refused", "2001:db8::4", new(false)},
			{"also as a mapped address of another family", "::ffff:192.0.2.1", nil},
			{"another network is another", "2001:db8:0:1::1", nil},
			{"and all together have a limit", "198.51.100.1", new(true)},
		}
		for i, tt := range tests {
			err := ask(i, tt.ip)
			var busy *BusyError
			switch {
			case tt.total == nil && err != nil:
				t.Errorf("%s: %v", tt.rule, err)
			case tt.total != nil && (!errors.As(err, &busy) || busy.Total != *tt.total):
				t.Errorf("%s: %v, want a BusyError with total %t", tt.rule, err, *tt.total)
			}
		}
		d.pass(61 * time.Minute)
		if err := ask(99, "2001:db8::1"); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

func TestSubscribeRefuses(t *testing.T) {
	d := newDesk(t, databasetest.SQLite(t))
	var address *AddressError
	var name *NameError
	var zone *ZoneError
	isA := func(target any) func(error) bool {
		return func(err error) bool { return errors.As(err, target) }
	}
	tests := map[string]struct {
		signup Signup
		want   func(error) bool
	}{
		"what is no address":              {Signup{Address: "anna", Lists: []string{"afternoon"}}, isA(&address)},
		"an address with a second header": {Signup{Address: "anna@example.org\r\nBcc: x@example.org", Lists: []string{"afternoon"}}, isA(&address)},
		"a name with a line break":        {Signup{Address: "anna@example.org", Name: "A\nB", Lists: []string{"afternoon"}}, isA(&name)},
		"a zone that is none":             {Signup{Address: "anna@example.org", Zone: "Mars/Base", Lists: []string{"afternoon"}}, isA(&zone)},
		"the zone of this machine":        {Signup{Address: "anna@example.org", Zone: "Local", Lists: []string{"afternoon"}}, isA(&zone)},
		"a path instead of a zone":        {Signup{Address: "anna@example.org", Zone: "../../etc/passwd", Lists: []string{"afternoon"}}, isA(&zone)},
		"no list":                         {Signup{Address: "anna@example.org"}, func(err error) bool { return errors.Is(err, ErrNoList) }},
		"a list that is not there":        {Signup{Address: "anna@example.org", Lists: []string{"evening"}}, func(err error) bool { return errors.Is(err, ErrNoList) }},
	}
	for name, tt := range tests {
		if err := d.Subscribe(t.Context(), tt.signup); !tt.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if due := d.due(t); len(due) != 0 {
		t.Errorf("mails %+v, want none", due)
	}
	if got := d.state(t, "anna@example.org", "afternoon"); got != "" {
		t.Errorf("something is left of a refused request: %q", got)
	}
}

// Whoever asks for a suppressed address is told nothing, and nothing is sent.
func TestSuppressionBeatsTheForm(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tests := map[SuppressionKind]bool{ByOperator: false, ByBounce: false, ByComplaint: false, BySubscriber: true}
		for kind, asks := range tests {
			d := newDesk(t, db)
			address := string(kind) + "@example.org"
			if _, err := d.Suppress(t.Context(), address, kind, "a test", "test"); err != nil {
				t.Fatal(err)
			}
			d.signUp(t, address, "afternoon")
			due := d.due(t)
			if (len(due) == 1) != asks {
				t.Errorf("%s: mails %+v, want one: %t", kind, due, asks)
			}
			if !asks {
				continue
			}
			if _, err := d.Confirm(t.Context(), due[0].Ref, home); err != nil {
				t.Fatal(err)
			}
			d.wantMailable(t, "afternoon", address+" Anna")
		}
	})
}

func TestLinksOfNoticesEnd(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.signUp(t, "anna@example.org", "afternoon")
		n := d.theOne(t, KindConfirm, "anna@example.org")
		d.pass(7*24*time.Hour + time.Second)
		if _, err := d.Confirm(t.Context(), n.Ref, home); !errors.Is(err, ErrExpired) {
			t.Errorf("Confirm after a week: %v, want ErrExpired", err)
		}
		d.wantMailable(t, "afternoon")
		if _, err := d.Confirm(t.Context(), "aaaaaaaaaaaaaaaa", home); !errors.Is(err, ErrUnknown) {
			t.Errorf("Confirm of nothing: %v, want ErrUnknown", err)
		}

		// A used link does not bring back who has left since.
		d.signUp(t, "bert@example.org", "afternoon")
		n = d.theOne(t, KindConfirm, "bert@example.org")
		if _, err := d.Confirm(t.Context(), n.Ref, home); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Unsubscribe(t.Context(), "afternoon", "bert@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Confirm(t.Context(), n.Ref, home); !errors.Is(err, ErrExpired) {
			t.Errorf("Confirm again after an unsubscription: %v, want ErrExpired", err)
		}
		if got := d.state(t, "bert@example.org", "afternoon"); got != "withdrawn" {
			t.Errorf("the consent is %q, want withdrawn", got)
		}
	})
}

func TestTidyDropsWhatStrangersLeft(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.confirmed(t, "anna@example.org", "afternoon")
		d.signUp(t, "stranger@example.org", "afternoon")
		d.signUp(t, "anna@example.org", "morning")
		if _, err := d.Add(t.Context(), "afternoon", "bert@example.org", "", "operator"); err != nil {
			t.Fatal(err)
		}
		d.due(t)
		tidy := func() {
			t.Helper()
			if err := d.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		d.pass(7 * 24 * time.Hour)
		tidy()
		if got := d.state(t, "stranger@example.org", "afternoon"); got != "pending" {
			t.Errorf("after a week the request is %q, want pending", got)
		}
		d.pass(2 * 24 * time.Hour)
		tidy()
		if _, err := d.Show(t.Context(), "stranger@example.org"); !errors.Is(err, ErrUnknown) {
			t.Errorf("after nine days of silence: %v, want ErrUnknown", err)
		}
		if got := d.state(t, "anna@example.org", "morning"); got != "" {
			t.Errorf("the pending consent of a reader is %q, want it gone", got)
		}
		d.wantMailable(t, "afternoon", "anna@example.org Anna", "bert@example.org")
		d.pass(31 * 24 * time.Hour)
		tidy()
		if r := d.show(t, "anna@example.org"); len(r.Notices) != 0 || r.Consents[0].Proof == nil {
			t.Errorf("after a month: notices %+v and proof %+v, want no notices and the proof", r.Notices, r.Consents[0].Proof)
		}
	})
}
