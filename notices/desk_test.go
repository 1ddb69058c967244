package notices

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A room is a desk with its mail server and a clock that can be set.
type room struct {
	*Desk
	inbox *smtptest.Server
	log   *bytes.Buffer

	mu  sync.Mutex
	now time.Time
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
	r := &room{inbox: inbox, log: &bytes.Buffer{}, now: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)}
	people := &subscribers.Store{DB: db, Now: r.clock}
	lists := []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}, {ID: "morning", Title: "Morning Edition"}}
	if err := people.EnsureLists(t.Context(), lists); err != nil {
		t.Fatal(err)
	}
	keyring := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(keyring, []byte("1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := subscribers.LoadKeyring(keyring, false)
	if err != nil {
		t.Fatal(err)
	}
	book, err := words.Load("en", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Desk = &Desk{
		Readers: people, Keys: keys, Words: book,
		Publication: edition.Publication{
			Name: "Zotpaper", Tagline: "News without the noise", URL: "https://zotpaper.example", Web: "https://zotpaper.example",
			Language: "en", Address: "1 Example Street, Exampletown", Zone: time.UTC,
		},
		From: mailer.Address{Name: "Zotpaper", Address: "edition@news.zotpaper.example"}, ReplyTo: "letters@zotpaper.example",
		Bounces: "bounce@bounce.zotpaper.example",
		Relays:  []mailer.Relay{{Host: inbox.Host(), Port: inbox.Port(), TLS: mailer.TLSNone, Timeout: 5 * time.Second, Pipelining: true}},
		Now:     r.clock, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

func (r *room) signUp(t *testing.T, address, name string, lists ...string) {
	t.Helper()
	su := subscribers.Signup{Address: address, Name: name, Lists: lists, Origin: subscribers.Origin{IP: netip.MustParseAddr("192.0.2.7")}}
	if err := r.Readers.Subscribe(t.Context(), su); err != nil {
		t.Fatal(err)
	}
}

func (r *room) send(t *testing.T, want int) {
	t.Helper()
	tried, err := r.Send(t.Context())
	if err != nil || tried != want {
		t.Fatalf("Send: %d, %v, want %d tried", tried, err, want)
	}
}

// state returns how it stands with the last notice about somebody.
func (r *room) state(t *testing.T, who string) subscribers.NoticeState {
	t.Helper()
	record, err := r.Readers.Show(t.Context(), who)
	if err != nil || len(record.Notices) == 0 {
		t.Fatalf("Show %s: %+v, %v, want a notice", who, record, err)
	}
	return record.Notices[len(record.Notices)-1].State
}

// parts returns the text and the HTML of a mail.
func parts(t *testing.T, raw []byte) (text, html string) {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, boundary, _ := strings.Cut(msg.Header.Get("Content-Type"), "boundary=")
	reader := multipart.NewReader(msg.Body, strings.Trim(boundary, `"`))
	var found []string
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(body))
	}
	if len(found) != 2 {
		t.Fatalf("%d parts, want 2", len(found))
	}
	return found[0], found[1]
}

func TestNoticesAreTheGoldenOnes(t *testing.T) {
	r := newRoom(t, databasetest.SQLite(t), nil)
	lists := []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}, {ID: "morning", Title: "Morning Edition"}}
	for _, kind := range []subscribers.Kind{subscribers.KindConfirm, subscribers.KindKnown, subscribers.KindMove, subscribers.KindMoved} {
		n := subscribers.Notice{
			ID: 7, Ref: "bbbbbbbbbbbbbbbb", Kind: kind, Subscriber: "cccccccccccccccc", Address: "ada@example.org", AskedAt: r.now,
		}
		if kind == subscribers.KindConfirm {
			n.Lists = lists
		}
		envelope, raw, err := r.compose(n)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(envelope.Sender, "bounce+") || envelope.Recipient != "ada@example.org" {
			t.Errorf("%s: envelope %+v", kind, envelope)
		}
		_, again, err := r.compose(n)
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%s: the second attempt would send other bytes (%v)", kind, err)
		}
		golden(t, string(kind)+".eml", raw)
		_, html := parts(t, raw)
		golden(t, string(kind)+".html", []byte(html))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, go test -update:\n%s", name, diff)
	}
}

func TestANoticeIsSentOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.signUp(t, "ada@example.org", "Ada", "afternoon", "morning")
		r.send(t, 1)
		r.send(t, 0)
		got := r.inbox.Messages()
		if len(got) != 1 || got[0].To != "ada@example.org" {
			t.Fatalf("mails %+v, want one to ada", got)
		}
		text, html := parts(t, got[0].Raw)
		for _, part := range []string{text, html} {
			if !strings.Contains(part, "https://zotpaper.example/confirm/") || !strings.Contains(part, "Morning Edition") {
				t.Errorf("no link, or not what was asked for:\n%s", part)
			}
		}
		if got := r.state(t, "ada@example.org"); got != subscribers.NoticeSent {
			t.Errorf("the notice is %s, want sent", got)
		}
	})
}

// Several processes at once send each notice once.
func TestManyDesks(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.Readers.Limits = subscribers.Limits{Network: 1000, Total: 1000}
		const people = 120
		for i := range people {
			r.signUp(t, strings.Repeat("a", i%60+1)+string(rune('a'+i/60))+"@example.org", "", "afternoon")
		}
		var desks sync.WaitGroup
		for range 4 {
			desks.Go(func() {
				for tried := 1; tried > 0; {
					var err error
					if tried, err = r.Send(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		desks.Wait()
		seen := map[string]int{}
		for _, m := range r.inbox.Messages() {
			seen[m.To]++
		}
		if total := len(r.inbox.Messages()); total != people || len(seen) != people {
			t.Errorf("%d mails to %d people, want %d", total, len(seen), people)
		}
	})
}

// No word of a stranger's gets into the mail, whatever they type as a name.
func TestStrangersCannotWriteIntoTheMail(t *testing.T) {
	r := newRoom(t, databasetest.SQLite(t), nil)
	r.signUp(t, "victim@example.org", "CLICK evil.example NOW", "afternoon")
	r.send(t, 1)
	raw := r.inbox.Messages()[0].Raw
	if text, html := parts(t, raw); strings.Contains(string(raw)+text+html, "evil") {
		t.Errorf("the name that a stranger has chosen is in the mail:\n%s", raw)
	}
}

func TestAnswersOfTheMailServer(t *testing.T) {
	reply := func(code int, enhanced [3]int, text string) smtptest.Answer {
		return smtptest.Answer{Code: code, Enhanced: enhanced, Text: text}
	}
	tests := map[string]struct {
		phase  smtptest.Phase
		answer smtptest.Answer
		first  subscribers.NoticeState // after the first attempt
		last   subscribers.NoticeState // after many
	}{
		"no such mailbox: refused for good": {smtptest.Rcpt, reply(550, [3]int{5, 1, 1}, "no such user"), subscribers.NoticeRefused, subscribers.NoticeRefused},
		"later: tried again, for a day":     {smtptest.Rcpt, reply(451, [3]int{4, 7, 1}, "greylisted"), subscribers.NoticeWaiting, subscribers.NoticeExpired},
		"it is us: tried again":             {smtptest.Mail, reply(550, [3]int{5, 7, 26}, "unauthenticated"), subscribers.NoticeWaiting, subscribers.NoticeExpired},
		"a cut before the dot: tried again": {smtptest.Rcpt, smtptest.Answer{HangUp: true}, subscribers.NoticeWaiting, subscribers.NoticeExpired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, databasetest.SQLite(t), func(e smtptest.Event) smtptest.Answer {
				if e.Phase == tt.phase {
					return tt.answer
				}
				return smtptest.Answer{}
			})
			r.signUp(t, "ada@example.org", "", "afternoon")
			r.send(t, 1)
			if got := r.state(t, "ada@example.org"); got != tt.first {
				t.Errorf("after the first attempt it is %s, want %s", got, tt.first)
			}
			attempts := 1
			for span := time.Duration(0); span < 26*time.Hour; span += 10 * time.Minute {
				r.pass(10 * time.Minute)
				tried, err := r.Send(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				attempts += tried
			}
			if got := r.state(t, "ada@example.org"); got != tt.last {
				t.Errorf("a day later it is %s, want %s", got, tt.last)
			}
			if tt.last == subscribers.NoticeExpired && (attempts < 10 || attempts > 40) {
				t.Errorf("%d attempts in a day", attempts)
			}
			if len(r.inbox.Messages()) != 0 {
				t.Errorf("the server took %d mails", len(r.inbox.Messages()))
			}
			for _, secret := range []string{"ada@example.org", "/confirm/"} {
				if strings.Contains(r.log.String(), secret) {
					t.Errorf("%q is in the log:\n%s", secret, r.log)
				}
			}
		})
	}
}

func TestNobodyIsMailedWhoWasSuppressedSince(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.signUp(t, "ada@example.org", "", "afternoon")
		if _, err := r.Readers.Suppress(t.Context(), "Ada@example.org", subscribers.ByComplaint, "spam", "test"); err != nil {
			t.Fatal(err)
		}
		r.send(t, 1)
		if got := r.state(t, "ada@example.org"); got != subscribers.NoticeRefused || len(r.inbox.Messages()) != 0 {
			t.Errorf("the notice is %s and %d mails went out, want it refused", got, len(r.inbox.Messages()))
		}
	})
}

// A process that dies while it sends leaves its notices to the next.
func TestANoticeOfADeadProcessIsSentByAnother(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newRoom(t, db, nil)
		r.signUp(t, "ada@example.org", "", "afternoon")
		if claimed, err := r.Readers.ClaimNotices(t.Context(), 10); err != nil || len(claimed) != 1 {
			t.Fatalf("ClaimNotices: %+v, %v", claimed, err)
		}
		r.send(t, 0)
		r.pass(16 * time.Minute)
		r.send(t, 1)
		if len(r.inbox.Messages()) != 1 {
			t.Errorf("%d mails, want 1", len(r.inbox.Messages()))
		}
	})
}

func TestAMailServerOutOfReach(t *testing.T) {
	r := newRoom(t, databasetest.SQLite(t), nil)
	r.signUp(t, "ada@example.org", "", "afternoon")
	working := r.Relays
	r.Relays = []mailer.Relay{{Host: "127.0.0.1", Port: 1, TLS: mailer.TLSNone, Timeout: time.Second}}
	if _, err := r.Send(t.Context()); err == nil {
		t.Error("Send succeeded without a mail server")
	}
	if got := r.state(t, "ada@example.org"); got != subscribers.NoticeWaiting {
		t.Errorf("the notice is %s, want waiting", got)
	}
	r.Relays = append(r.Relays, working...) // the first that is to be had
	r.pass(time.Minute)
	r.send(t, 1)
	if len(r.inbox.Messages()) != 1 {
		t.Errorf("%d mails, want 1", len(r.inbox.Messages()))
	}
}

// Work sends by itself what becomes due, and ends with its context.
func TestWork(t *testing.T) {
	r := newRoom(t, databasetest.SQLite(t), nil)
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { r.Work(ctx) })
	r.signUp(t, "ada@example.org", "", "afternoon")
	wait, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.inbox.Wait(wait, 1); err != nil {
		t.Error(err)
	}
	stop()
	working.Wait()
}
