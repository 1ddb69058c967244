package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/alerts"
	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/notices"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/templates"
)

// A newsroom is everything a command works with, wired as the configuration
// says.
type newsroom struct {
	config *Config
	log    *slog.Logger
	db     *database.DB
	people *subscribers.Store
	keys   *subscribers.Keyring
	press  *press.Press
}

// newsroom opens the database and wires the press. The caller closes it.
func (a *app) newsroom(ctx context.Context) (*newsroom, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	// A command that ends says what it did by itself; its log is for what went
	// wrong.
	if c.Log.Level == "info" {
		c.Log.Level = "warn"
	}
	return openNewsroom(ctx, c, a.logger(c.Log), a.now)
}

func openNewsroom(ctx context.Context, c *Config, log *slog.Logger, now func() time.Time) (*newsroom, error) {
	n := &newsroom{config: c, log: log, keys: c.Web.Keyring}
	if n.keys.Exposed() {
		log.Warn("others can read the file with the secrets; chmod 600 it", "file", c.Web.SecretFile)
	}
	var err error
	if n.db, err = database.Open(ctx, c.Database); err != nil {
		return nil, err
	}
	n.people = &subscribers.Store{DB: n.db, Now: now, Limits: subscribers.Limits(c.Web.Signups)}
	if err = n.people.EnsureLists(ctx, lists(c)); err == nil {
		n.press, err = newPress(n, now)
	}
	if err != nil {
		return nil, errors.Join(err, n.db.Close())
	}
	n.people.Ledger = n.press
	return n, nil
}

// readyToDispatch fails if the journal cannot be kept: better now than when an
// edition is frozen. A disk that is full will have room again.
func (n *newsroom) readyToDispatch() error {
	folder := n.config.journal()
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		err = writableFolder(folder)
	}
	if err != nil && !journal.IsFull(err) {
		return fmt.Errorf("dispatch.journal: %w", err)
	}
	return nil
}

// skewLimit is how far the clocks of this machine and of the database may be
// apart. Leases allow for it; the times at which editions expire do not.
const skewLimit = 2 * time.Minute

// clocksAgree fails if a machine's clock is so wrong that it would give up
// deliveries for which there is time, or begin editions on another day.
func (n *newsroom) clocksAgree(ctx context.Context) error {
	skew, err := n.db.Skew(ctx, time.Now)
	if err == nil && skew.Abs() > skewLimit {
		err = fmt.Errorf("this machine's clock and the database's are %s apart: put them right", skew.Abs().Round(time.Second))
	}
	return err
}

func (n *newsroom) close() error { return n.db.Close() }

// lists returns the lists that the slots go to, each titled like the first
// slot that names it.
func lists(c *Config) []subscribers.List {
	var all []subscribers.List
	seen := map[string]bool{}
	for _, s := range c.Slots {
		if !seen[s.List] {
			seen[s.List] = true
			all = append(all, subscribers.List{ID: s.List, Title: s.Title})
		}
	}
	return all
}

func newPress(n *newsroom, now func() time.Time) (*press.Press, error) {
	c := n.config
	publication := c.Edition()
	renderer, err := templates.New(publication, c.overrides())
	if err != nil {
		return nil, err
	}
	if c.Web.Archive == archiveOfReaders {
		renderer.Pass = func(key edition.Key) string { return n.keys.Edition(key.String()) }
	}
	sender, err := newSender(c)
	if err != nil {
		return nil, err
	}
	p := &press.Press{
		DB: n.db, Now: now, Log: n.log,
		Publication: publication,
		Articles:    articles(c, now),
		Renderer:    renderer,
		Sender:      sender,
		Alerts:      c.board(),
		Keys:        n.keys,
		Dispatcher: &dispatch.Dispatcher{
			Ledger:      dispatch.Ledger{DB: n.db, Now: now, Batch: c.Dispatch.Batch},
			Relays:      relays(c),
			Connections: c.SMTP.Connections, Rate: c.SMTP.Rate,
			OnInDoubt: dispatch.InDoubt(c.Dispatch.OnInDoubt),
			Owner:     owner(),
			Journal:   c.journal(),
			Log:       n.log,
		},
	}
	for _, s := range c.Slots {
		p.Slots = append(p.Slots, press.Slot{Slot: s.Edition(), Schedule: s.Cron, CatchUp: s.CatchUp, Expire: s.Expire, Approval: s.Approval})
	}
	return p, nil
}

// articles returns where the articles come from: the folder, and the feeds if
// there are any.
func articles(c *Config, now func() time.Time) press.Source {
	a := c.Articles
	folder := intake.Folder{Dir: a.Folder, Media: a.Media, Zone: c.Publication.Zone, Now: now}
	if len(a.Feeds) == 0 {
		return folder
	}
	feeds := &intake.Feeds{
		PrivateHosts: a.PrivateHosts, Cache: a.Cache, Now: now,
		Agent: fmt.Sprintf("Zotpaper/%s (+%s)", strings.Trim(buildVersion().Version, "()"), c.Publication.URL),
	}
	for _, feed := range a.Feeds {
		feeds.List = append(feeds.List, intake.Feed{URL: feed.URL, Section: feed.Section, FullText: feed.FullText})
	}
	for _, s := range c.Slots {
		for _, section := range s.Sections {
			if !slices.Contains(feeds.Sections, section) {
				feeds.Sections = append(feeds.Sections, section)
			}
		}
	}
	return intake.Combined{folder, feeds}
}

// desk returns what sends notices to readers.
func (n *newsroom) desk() *notices.Desk {
	sender := n.press.Sender
	d := &notices.Desk{
		Readers: n.people, Keys: n.keys, Words: n.config.Words, Publication: n.press.Publication,
		From: sender.From, ReplyTo: sender.ReplyTo, Bounces: sender.Bounces, Signer: sender.Signer,
		Now: n.press.Now, Log: n.log,
	}
	for _, relay := range n.press.Dispatcher.Relays {
		d.Relays = append(d.Relays, relay.Relay)
	}
	return d
}

// board returns who hears of what needs an editor.
func (c *Config) board() alerts.Board {
	return alerts.Board{To: c.Editors.Alert, Webhook: c.Editors.Webhook != ""}
}

// alerts returns what tells the editors.
func (n *newsroom) alerts() *alerts.Desk {
	sender := n.press.Sender
	d := &alerts.Desk{
		DB: n.db, Paper: n.press.Publication.Name, From: sender.From, Bounces: sender.Bounces, Signer: sender.Signer,
		Webhook: n.config.Editors.Webhook, Now: n.press.Now, Log: n.log,
	}
	for _, relay := range n.press.Dispatcher.Relays {
		d.Relays = append(d.Relays, relay.Relay)
	}
	return d
}

// tellFor bounds how long a command that ends waits for alerts to be sent. What
// is left is sent by serve, or by the next command.
const tellFor = 30 * time.Second

// tellEditors sends the alerts that wait: a command that cron calls has nobody
// who sends them later.
func (n *newsroom) tellEditors(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellFor)
	defer cancel()
	if _, err := n.alerts().Send(ctx); err != nil {
		n.log.Error("alerts to the editors are not sent", "error", err)
	}
}

func newSender(c *Config) (press.Sender, error) {
	from, err := mailer.ParseAddress(c.From.Name, c.From.Address)
	if err != nil {
		return press.Sender{}, fmt.Errorf("from.address: %w", err)
	}
	sender := press.Sender{From: from, ReplyTo: c.From.ReplyTo, Bounces: c.Bounces.Address}
	if c.DKIM.Selector != "" {
		if sender.Signer, err = mailer.NewSigner(c.DKIM.Domain, c.DKIM.Selector, c.DKIM.Key); err != nil {
			return press.Sender{}, fmt.Errorf("dkim.key_file: %w", err)
		}
	}
	return sender, nil
}

// relays returns the mail servers that take the editions.
func relays(c *Config) []dispatch.Relay {
	s := c.SMTP
	first := mailer.Relay{
		Host: s.Host, Port: s.Port, TLS: mailer.TLSMode(s.TLS), Username: s.Username, Password: s.Password,
		Timeout: s.Timeout, Pipelining: s.Pipelining, Messages: s.Messages, HELO: localName(),
	}
	list := []dispatch.Relay{{Relay: first, Weight: s.Weight}}
	for _, other := range s.Others {
		r := first
		r.Host, r.Port, r.TLS = other.Host, other.Port, mailer.TLSMode(other.TLS)
		r.Username, r.Password = other.Username, other.Password
		list = append(list, dispatch.Relay{Relay: r, Weight: other.Weight})
	}
	return list
}

// owner names this process in the ledger: no other bears the name, also not
// one that gets its number when it is gone.
func owner() string {
	const letters = 6
	return fmt.Sprintf("%s:%d:%s", localName(), os.Getpid(), strings.ToLower(rand.Text()[:letters]))
}

// localName returns what this machine calls itself, to mail servers and in the
// ledger.
func localName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// who returns whom to put on record for a command: the user at the terminal.
func (a *app) who() string {
	for _, entry := range a.environ() {
		for _, name := range []string{"SUDO_USER=", "USER=", "LOGNAME="} {
			if user, ok := strings.CutPrefix(entry, name); ok && user != "" {
				return "operator " + user
			}
		}
	}
	return "operator"
}

// key reads the edition that a command names; without one it is today's of the
// only slot.
func (n *newsroom) key(args []string) (edition.Key, error) {
	if len(args) == 1 {
		key, err := edition.ParseKey(args[0])
		if err != nil {
			return key, wrongUse(err)
		}
		if _, err := n.config.Slot(key.Slot); err != nil {
			return key, wrongUse(err)
		}
		return key, nil
	}
	slot, err := n.config.Slot("")
	if err != nil {
		return edition.Key{}, wrongUse(err)
	}
	return edition.Key{Date: n.press.Today(), Slot: slot.ID}, nil
}

// slotAndDate reads the flags --slot and --date; without them they are the only
// slot, and today.
func (n *newsroom) slotAndDate(slot, date string) (press.Slot, edition.Date, error) {
	chosen, err := n.config.Slot(slot)
	if err != nil {
		return press.Slot{}, edition.Date{}, wrongUse(err)
	}
	day := n.press.Today()
	if date != "" {
		if day, err = edition.ParseDate(date); err != nil {
			return press.Slot{}, edition.Date{}, wrongUse(fmt.Errorf("--date: %w", err))
		}
	}
	s, err := n.press.Slot(chosen.ID)
	return s, day, err
}
