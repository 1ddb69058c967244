package press

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/subscribers"
)

// Who wants the plain text gets it alone, as they wanted it at the freeze.
func TestPlainTextForThoseWhoWantIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "rich@example.org", "plain@example.org")
		ref := p.ref(t, "plain@example.org")
		want := subscribers.Preferences{Lists: []string{"afternoon"}, Format: subscribers.FormatText}
		if _, err := p.people.SetPreferences(t.Context(), ref, want, subscribers.Origin{}); err != nil {
			t.Fatal(err)
		}
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		if _, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.people.SetPreferences(t.Context(), p.ref(t, "rich@example.org"), want, subscribers.Origin{}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.send(sunday); err != nil {
			t.Fatal(err)
		}
		kinds := map[string]string{}
		for _, m := range p.server.Messages() {
			raw := string(m.Raw)
			_, kind, _ := strings.Cut(raw, "\r\nContent-Type: ")
			kind, _, _ = strings.Cut(kind, ";")
			kinds[m.To] = kind
			if !strings.Contains(raw, "Text of one.") || !strings.Contains(raw, "List-Unsubscribe-Post: ") || !strings.Contains(raw, "/preferences/") {
				t.Errorf("the copy to %s lacks an article or a link:\n%s", m.To, raw)
			}
		}
		if kinds["rich@example.org"] != "multipart/alternative" || kinds["plain@example.org"] != "text/plain" || len(kinds) != 2 {
			t.Errorf("the copies are %v", kinds)
		}
	})
}

func (p *paper) ref(t *testing.T, address string) string {
	t.Helper()
	r, err := p.people.Show(t.Context(), address)
	if err != nil || r.Subscriber == nil {
		t.Fatalf("Show %s: %+v, %v", address, r, err)
	}
	return r.Subscriber.Ref
}

// Erased is erased: the ledger keeps what happened and not to whom, and what had
// not begun does not begin.
func TestEraseReachesTheLedger(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		// The server repeats the address, as many do.
		p := newScriptedPaper(t, db, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && strings.HasPrefix(e.Recipient, "gone") {
				return smtptest.Answer{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "<" + e.Recipient + "> is unknown here"}
			}
			return smtptest.Answer{}
		}, "ada@example.org", "gone@example.org", "bo@example.org")
		p.people.Ledger = p.Press
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		if _, err := p.send(sunday); err != nil {
			t.Fatal(err)
		}
		r, err := p.people.Show(t.Context(), "gone@example.org")
		if err != nil || len(r.Received) != 1 || r.Received[0].Edition != "2026-02-08/afternoon" || r.Received[0].State != "rejected" ||
			!strings.Contains(r.Received[0].Reply, "5.1.1") {
			t.Errorf("Show: %+v, %v, want the edition with the server's reply", r.Received, err)
		}

		monday := sunday.AddDays(1)
		p.pass(24 * time.Hour)
		p.desk.file(p.now.Add(-time.Hour), "three", "four")
		if _, err := p.Frozen(t.Context(), p.Slots[0], monday, "test"); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"ada@example.org", "gone@example.org"} {
			if err := p.people.Erase(t.Context(), address, "reader"); err != nil {
				t.Fatal(err)
			}
		}
		done, err := p.send(monday)
		if err != nil {
			t.Fatal(err)
		}
		if tally := done.Tally; tally.Recipients != 3 || tally.Sent != 1 || tally.Suppressed != 2 {
			t.Errorf("%+v, want one of three sent and two suppressed", tally)
		}
		rows, err := db.QueryContext(t.Context(), "SELECT ref, address, name, reply_text, state FROM deliveries")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var ref, address, name, reply, state string
			if err := rows.Scan(&ref, &address, &name, &reply, &state); err != nil {
				t.Fatal(err)
			}
			if row := fmt.Sprint(ref, address, name, reply, state); strings.Contains(row, "ada") || strings.Contains(row, "gone") {
				t.Errorf("the ledger has %s", row)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if got := len(p.server.Messages()); got != 3 {
			t.Errorf("%d mails, want 3: two on Sunday and one on Monday", got)
		}
	})
}
