package alerts

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
)

// A room is a desk with its mail server, its webhook and a clock that can be
// set.
type room struct {
	*Desk
	board Board
	inbox *smtptest.Server
	log   *bytes.Buffer

	mu     sync.Mutex
	now    time.Time
	posted []string // bodies
	answer int      // of the webhook
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *room) pass(span time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(span)
}

func newRoom(t *testing.T, db *database.DB, script func(smtptest.Event) smtptest.Answer) *room {
	t.Helper()
	inbox, err := smtptest.Start(smtptest.Options{Script: script})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	r := &room{inbox: inbox, log: &bytes.Buffer{}, now: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC), answer: http.StatusOK}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil || request.Method != http.MethodPost || request.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a %s of %q to the webhook: %v", request.Method, request.Header.Get("Content-Type"), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.posted = append(r.posted, string(body))
		w.WriteHeader(r.answer)
	}))
	t.Cleanup(hook.Close)
	r.board = Board{To: []string{"desk@zotpaper.example", "chief@zotpaper.example"}, Webhook: true}
	r.Desk = &Desk{
		DB: db, Paper: "Zotpaper", From: mailer.Address{Name: "Zotpaper", Address: "edition@news.zotpaper.example"},
		Bounces: "bounce@bounce.zotpaper.example", Webhook: hook.URL + "/hooks/secret-path",
		Relays: []mailer.Relay{{Host: inbox.Host(), Port: inbox.Port(), TLS: mailer.TLSNone, Timeout: 5 * time.Second}},
		Now:    r.clock, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

func held(cause string) Alert {
	return Alert{Cause: cause, Subject: "Held: Afternoon Edition", Text: "There are 2 articles, the minimum is 3.\n\nFile another one."}
}

func (r *room) raise(t *testing.T, a Alert) (told bool) {
	t.Helper()
	err := r.DB.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		told, err = r.board.Raise(ctx, tx, a, r.clock())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func (r *room) send(t *testing.T) int {
	t.Helper()
	n, err := r.Send(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (r *room) posts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posted
}

func TestAnAlertReachesEverybodyOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		if !r.raise(t, held("held a")) {
			t.Error("the first alert is not told")
		}
		if n := r.send(t) + r.send(t); n != 3 {
			t.Errorf("%d copies, want 3", n)
		}
		got := map[string]bool{}
		for _, m := range r.inbox.Messages() {
			got[m.To] = true
			raw := string(m.Raw)
			for _, want := range []string{"Subject: [Zotpaper] Held: Afternoon Edition", "Auto-Submitted: auto-generated", "There are 2 articles", "Content-Type: text/plain"} {
				if !strings.Contains(raw, want) {
					t.Errorf("no %q in the mail:\n%s", want, raw)
				}
			}
		}
		if len(got) != 2 || len(r.inbox.Messages()) != 2 {
			t.Errorf("mails to %v", got)
		}
		var post map[string]string
		if posts := r.posts(); len(posts) != 1 || json.Unmarshal([]byte(posts[0]), &post) != nil || len(post) != 1 ||
			!strings.HasPrefix(post["text"], "*Zotpaper: Held: Afternoon Edition*\nThere are 2 articles") {
			t.Errorf("posts %q", posts)
		}
		recent, err := Recent(t.Context(), db, 10)
		if err != nil || len(recent) != 1 || recent[0].Sent != 3 || recent[0].Waiting+recent[0].Failed != 0 {
			t.Errorf("Recent: %+v, %v, want one that arrived three times", recent, err)
		}
	})
}

func TestACauseIsToldOnceAnHour(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.board = Board{To: r.board.To[:1]}
		var told sync.Map
		var raising sync.WaitGroup
		for i := range 20 {
			raising.Go(func() {
				if r.raise(t, held("held a")) {
					told.Store(i, true)
				}
			})
		}
		raising.Wait()
		n := 0
		told.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("told %d times at once, want once", n)
		}
		if !r.raise(t, held("held b")) {
			t.Error("another cause is not told")
		}
		r.pass(59 * time.Minute)
		if r.raise(t, held("held a")) {
			t.Error("told again after 59 minutes")
		}
		r.pass(time.Minute)
		if !r.raise(t, held("held a")) {
			t.Error("not told again after an hour")
		}
		for r.send(t) > 0 { // until nothing waits
		}
		if n := len(r.inbox.Messages()); n != 3 {
			t.Errorf("%d mails, want 3", n)
		}
	})
}

// What is rolled back was never raised.
func TestAnAlertGoesWithItsTransaction(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		err := r.DB.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := r.board.Raise(ctx, tx, held("held a"), r.clock()); err != nil {
				return err
			}
			return context.Canceled
		})
		if err == nil || r.send(t) != 0 || !r.raise(t, held("held a")) {
			t.Errorf("Transact: %v; want nothing sent, and the cause still to be told", err)
		}
	})
}

func TestWhatIsNotTakenIsTriedAgain(t *testing.T) {
	tests := map[string]struct {
		reply   smtptest.Answer
		webhook int
		sent    int // in the end
		failed  int
	}{
		"all is well":                          {smtptest.Answer{}, 200, 3, 0},
		"later":                                {smtptest.Answer{Code: 451, Enhanced: [3]int{4, 3, 0}}, 503, 0, 3},
		"no such editor, and the hook is gone": {smtptest.Answer{Code: 550, Enhanced: [3]int{5, 1, 1}}, 404, 0, 3},
		"the hook asks for patience":           {smtptest.Answer{}, 429, 2, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, databasetest.SQLite(t), func(e smtptest.Event) smtptest.Answer {
				if e.Phase == smtptest.Rcpt {
					return tt.reply
				}
				return smtptest.Answer{}
			})
			r.answer = tt.webhook
			r.raise(t, held("held a"))
			for span := time.Duration(0); span < 14*time.Hour; span += 10 * time.Minute {
				r.send(t)
				r.pass(10 * time.Minute)
			}
			recent, err := Recent(t.Context(), r.DB, 10)
			if err != nil || recent[0].Sent != tt.sent || recent[0].Failed != tt.failed || recent[0].Waiting != 0 {
				t.Errorf("in the end %+v, %v, want %d sent and %d failed", recent, err, tt.sent, tt.failed)
			}
			if n := len(r.posts()); n > 20 {
				t.Errorf("the webhook was tried %d times", n)
			}
			if text := r.log.String() + recent[0].Error; strings.Contains(text, "secret-path") {
				t.Errorf("the webhook's address is in the log or the database:\n%s", text)
			}
		})
	}
}

func TestAWebhookOutOfReachKeepsItsSecret(t *testing.T) {
	r := newRoom(t, databasetest.SQLite(t), nil)
	r.board.To = nil
	for _, hook := range []string{"http://127.0.0.1:1/secret-path", "http://[secret-path", "gopher://secret-path"} {
		r.Webhook = hook
		r.pass(2 * time.Hour)
		r.raise(t, held("held a"))
		r.send(t)
	}
	recent, err := Recent(t.Context(), r.DB, 10)
	if err != nil || len(recent) != 3 {
		t.Fatalf("Recent: %+v, %v", recent, err)
	}
	for _, raised := range recent {
		if raised.Error == "" || strings.Contains(raised.Error+r.log.String(), "secret-path") {
			t.Errorf("the error is %q, the log %s", raised.Error, r.log)
		}
	}
}

func TestOldAlertsAreDropped(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.raise(t, held("held a"))
		r.pass(89 * 24 * time.Hour)
		r.raise(t, held("held b"))
		r.pass(2 * 24 * time.Hour)
		if err := Tidy(t.Context(), db, r.clock()); err != nil {
			t.Fatal(err)
		}
		recent, err := Recent(t.Context(), db, 10)
		if err != nil || len(recent) != 1 || recent[0].Cause != "held b" {
			t.Errorf("Recent: %+v, %v, want the younger one", recent, err)
		}
	})
}
