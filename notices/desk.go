package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

// A Desk sends the notices that are due. Its fields are set once. Several desks
// may work on one database at once, in several processes: each notice is sent
// by one of them.
type Desk struct {
	Readers     *subscribers.Store
	Keys        *subscribers.Keyring
	Words       *words.Book
	Publication edition.Publication
	From        mailer.Address
	ReplyTo     string         // may be empty
	Bounces     string         // envelope sender; a token is added for each notice
	Signer      *mailer.Signer // nil: the relay signs
	Relays      []mailer.Relay // tried in this order
	Now         func() time.Time
	Log         *slog.Logger
}

const (
	// pollEvery is how long a reader waits for a mail at most before we begin
	// to send it.
	pollEvery = 2 * time.Second
	// handful bounds the notices that are sent over one connection.
	handful = 50
	// giveUpAfter is how long a notice is tried: its link works for a week, but
	// who asked yesterday has turned to other things.
	giveUpAfter = 24 * time.Hour
	// longestRest is how long we wait at most before we try again what failed
	// on our side, such as a database out of reach.
	longestRest = time.Minute
)

// Work sends what is due until ctx ends. A conversation under way when ctx ends
// is finished first.
func (d *Desk) Work(ctx context.Context) {
	rest := pollEvery
	for {
		sent, err := d.Send(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.Log.Error("notices to readers are not sent; trying again", "error", err)
			rest = min(2*rest, longestRest)
		default:
			rest = pollEvery
		}
		if sent == handful {
			continue // there may be more
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Send sends what is due now, a handful at most, and returns how many notices
// it tried. It fails if the database cannot be used or none of the mail servers
// can be reached; what it did not send stays due.
func (d *Desk) Send(ctx context.Context) (tried int, err error) {
	due, err := d.Readers.ClaimNotices(ctx, handful)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	// What was claimed is settled, whatever happens to ctx: else a reader would
	// wait for the lease to run out.
	settle := context.WithoutCancel(ctx)
	conn, err := d.dial(ctx)
	if err != nil {
		for _, n := range due {
			err = errors.Join(err, d.postpone(settle, n))
		}
		return len(due), err
	}
	defer func() { conn.close() }()
	for _, n := range due {
		if ctx.Err() != nil {
			err = errors.Join(err, d.postpone(settle, n))
			continue
		}
		err = errors.Join(err, d.settle(settle, n, d.sendOne(settle, conn, n)))
	}
	return len(due), err
}

// A line is a connection that is opened again when it broke.
type line struct {
	desk *Desk
	conn *mailer.Conn // nil: broken
}

func (d *Desk) dial(ctx context.Context) (*line, error) {
	l := &line{desk: d}
	return l, l.open(ctx)
}

func (l *line) open(ctx context.Context) (err error) {
	l.conn, err = mailer.DialAny(ctx, l.desk.Relays)
	return err
}

func (l *line) close() {
	if l.conn == nil {
		return
	}
	if err := l.conn.Close(); err != nil {
		l.desk.Log.Debug("close a connection to the mail server", "error", err)
	}
	l.conn = nil
}

// errSuppressed says that the address of a notice must not be mailed any more.
var errSuppressed = errors.New("the address is suppressed")

// sendOne sends n over l.
func (d *Desk) sendOne(ctx context.Context, l *line, n subscribers.Notice) error {
	if n.Suppressed {
		return errSuppressed
	}
	envelope, raw, err := d.compose(n)
	if err != nil {
		return err
	}
	if l.conn != nil && (!l.conn.Usable() || l.conn.Spent()) {
		l.close()
	}
	if l.conn == nil {
		if err := l.open(ctx); err != nil {
			return err
		}
	}
	_, err = l.conn.Send(ctx, envelope, raw)
	return err
}

// settle records what became of n. Neither its address nor its link goes into
// the log.
func (d *Desk) settle(ctx context.Context, n subscribers.Notice, sending error) error {
	switch {
	case sending == nil:
		return d.Readers.SettleNotice(ctx, n.ID, subscribers.NoticeSent, time.Time{})
	case errors.Is(sending, errSuppressed), mailer.Permanent(sending) && !mailer.OurFault(sending):
		d.Log.Info("a notice was refused", "notice", n.ID, "kind", string(n.Kind), "reply", replyCode(sending))
		return d.Readers.SettleNotice(ctx, n.ID, subscribers.NoticeRefused, time.Time{})
	}
	d.Log.Warn("a notice was not taken", "notice", n.ID, "kind", string(n.Kind), "attempt", n.Attempts, "reply", replyCode(sending))
	if mailer.OurFault(sending) {
		// It is about us, so that it names no reader and needs to be seen.
		d.Log.Error("the mail server refuses our notices", "error", sending)
	}
	return d.postpone(ctx, n)
}

// replyCode returns what a server answered without its words, which often
// repeat the address.
func replyCode(err error) string {
	var refused *mailer.ReplyError
	if errors.As(err, &refused) {
		return fmt.Sprintf("%d %s to %s", refused.Reply.Code, refused.Reply.Enhanced, refused.Command)
	}
	return "none"
}

// backoff returns how long a notice waits after so many attempts. Somebody sits
// before their mail program and waits, so the first steps are short.
func backoff(attempts int) time.Duration {
	steps := []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	if attempts >= 1 && attempts <= len(steps) {
		return steps[attempts-1]
	}
	return time.Hour
}

// postpone has n tried again later, unless it is too old.
func (d *Desk) postpone(ctx context.Context, n subscribers.Notice) error {
	next := d.Now().Add(backoff(n.Attempts))
	if next.Sub(n.AskedAt) >= giveUpAfter {
		return d.Readers.SettleNotice(ctx, n.ID, subscribers.NoticeExpired, time.Time{})
	}
	return d.Readers.SettleNotice(ctx, n.ID, subscribers.NoticeWaiting, next)
}
