package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
)

var key = edition.Key{Date: edition.Date{Year: 2026, Month: 2, Day: 8}, Slot: "afternoon"}

// trialDay is when the edition of a trial is frozen.
var trialDay = time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)

// hurry is how many times faster than others' the clock of a trial runs: a
// minute's pause then takes a twentieth of a second.
const hurry = 1200

// A clock runs fast.
type clock struct {
	began, epoch time.Time
	hurry        int
}

func newClock(epoch time.Time) *clock { return &clock{time.Now(), epoch, hurry} }

func (c *clock) Now() time.Time { return c.epoch.Add(time.Duration(c.hurry) * time.Since(c.began)) }

// Wait waits for d by the clock.
func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d / time.Duration(c.hurry))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// plain is a letter that fails for recipients called "bad".
type plain struct {
	started time.Time
	issue   int
}

func (p plain) Compose(buffer []byte, d *Delivery) (mailer.Envelope, mailer.Wire, []byte, error) {
	if d.Name == "bad" {
		return mailer.Envelope{}, mailer.Wire{}, buffer, errors.New("a name that cannot be printed")
	}
	raw, err := mailer.Message{
		From: mailer.Address{Address: "edition@news.example"}, To: mailer.Address{Name: d.Name, Address: d.Address},
		Subject: fmt.Sprintf("Afternoon Edition, issue %d", p.issue), Date: p.started, ID: d.MessageID + "@news.example",
		Text: "text\n", HTML: "<p>html</p>\n",
	}.Compose()
	if err != nil {
		return mailer.Envelope{}, mailer.Wire{}, buffer, err
	}
	wire, err := mailer.NewWire(raw)
	return mailer.Envelope{Sender: "bounce@news.example", Recipient: d.Address}, wire, buffer, err
}

func compose(_ context.Context, issue int, started time.Time) (Letter, error) {
	return plain{started, issue}, nil
}

// A trial is an edition frozen for readers, a mail server, and a dispatcher
// that knows both.
type trial struct {
	*Dispatcher
	t       testing.TB
	clock   *clock
	people  *subscribers.Store
	server  *smtptest.Server
	edition int64
}

const insertTestEdition = `
	INSERT INTO editions (slot, date, title, list, state, window_since, window_until, frozen_at, created_at, changed_at)
	VALUES ('afternoon', '2026-02-08', 'Afternoon Edition', 'afternoon', 'frozen', $1, $2, $2, $2, $2)
	RETURNING id`

// newTrial freezes an edition for n readers, reader1@example.org and on, which
// expires after 20 hours of a clock that runs fast. script is the mail
// server's.
func newTrial(t testing.TB, db *database.DB, n int, script func(smtptest.Event) smtptest.Answer) *trial {
	t.Helper()
	return newTrialWith(t, db, n, smtptest.Options{Script: script})
}

func newTrialWith(t testing.TB, db *database.DB, n int, options smtptest.Options) *trial {
	t.Helper()
	c := newClock(trialDay)
	people := &subscribers.Store{DB: db, Now: c.Now}
	if err := people.EnsureLists(t.Context(), []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}}); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	csv.WriteString("email\n")
	for i := range n {
		fmt.Fprintf(&csv, "reader%d@example.org\n", i+1)
	}
	if _, err := people.Import(t.Context(), strings.NewReader(csv.String()), subscribers.ImportOptions{List: "afternoon", By: "test"}); err != nil {
		t.Fatal(err)
	}
	server, err := smtptest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	tr := &trial{
		Dispatcher: &Dispatcher{
			Ledger: Ledger{DB: db, Now: c.Now},
			Relays: []Relay{{Relay: mailer.Relay{
				Host: server.Host(), Port: server.Port(), TLS: mailer.TLSNone, Timeout: 20 * time.Second, Pipelining: true,
			}}},
			Connections: 4, OnInDoubt: Resend, Owner: "test:1", Log: slog.New(slog.DiscardHandler), Wait: c.Wait,
			Journal: t.TempDir(), Lease: 24 * time.Hour, hurry: hurry,
		},
		t: t, clock: c, people: people, server: server,
	}
	tr.freeze(20 * time.Hour)
	return tr
}

// steady has the clock of a trial that has not begun run slower, so that
// conversations that break do not try a dispatch's patience on a machine that
// is busy: two minutes are a second then.
func (tr *trial) steady() {
	tr.clock.began, tr.clock.epoch, tr.clock.hurry = time.Now(), tr.clock.Now(), hurry/10
	tr.hurry = hurry / 10
}

// relay returns the trial's mail server as the dispatcher knows it.
func (tr *trial) relay() *Relay { return &tr.Relays[0] }

func (tr *trial) assignment() Assignment {
	return Assignment{Edition: key, EditionID: tr.edition, Compose: compose}
}

func (tr *trial) freeze(expire time.Duration) {
	tr.t.Helper()
	err := tr.transact(func(ctx context.Context, tx *sql.Tx) error {
		now := tr.clock.Now()
		err := tx.QueryRowContext(ctx, insertTestEdition, database.Time{Time: now.Add(-time.Hour)}, database.Time{Time: now}).Scan(&tr.edition)
		if err == nil {
			_, err = tr.Ledger.Freeze(ctx, tx, tr.edition, "afternoon", now.Add(expire))
		}
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *trial) transact(f func(context.Context, *sql.Tx) error) error {
	return tr.Ledger.DB.Transact(tr.t.Context(), f)
}

// resume lets a dispatch go on that had stopped.
func (tr *trial) resume() {
	tr.t.Helper()
	if err := tr.transact(func(ctx context.Context, tx *sql.Tx) error {
		return tr.Ledger.Resume(ctx, tx, tr.edition, "test")
	}); err != nil {
		tr.t.Fatal(err)
	}
}

// run runs the dispatch and checks what must hold after every run: the
// equation, and that nobody got two copies unless the outcome of one was in
// doubt.
func (tr *trial) run(ctx context.Context) (Tally, error) {
	tr.t.Helper()
	tally, err := tr.Run(ctx, tr.assignment())
	if sum := tally.Ended() + tally.Pending + tally.Sending + tally.Deferred; sum != tally.Recipients {
		tr.t.Errorf("the states add up to %d of %d recipients: %+v", sum, tally.Recipients, tally)
	}
	if tally.Sending != 0 {
		tr.t.Errorf("%d deliveries are left in the state sending", tally.Sending)
	}
	if extra := len(tr.received()) - len(tr.readers()); extra > tally.InDoubt {
		tr.t.Errorf("%d copies too many, %d were in doubt", extra, tally.InDoubt)
	}
	return tally, err
}

func (tr *trial) received() []smtptest.Received { return tr.server.Messages() }

// readers returns who has at least one copy.
func (tr *trial) readers() map[string]int {
	copies := map[string]int{}
	for _, m := range tr.received() {
		copies[m.To]++
	}
	return copies
}
