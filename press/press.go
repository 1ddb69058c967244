package press

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/alerts"
	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/templates"
)

// A Slot is a recurring place in the day with its time and its rules.
type Slot struct {
	edition.Slot
	Schedule cron.Schedule // when it is cut off and sent, in the publication's zone
	CatchUp  time.Duration // how late it may still be sent if nothing ran at its time
	Approval bool          // nothing goes out that no editor has released
	Expire   time.Duration // how long after the freeze deliveries are tried
}

// A Source gives the articles that are there now.
type Source interface {
	Read(context.Context) (intake.Result, error)
}

// A Sender is who a mail comes from.
type Sender struct {
	From    mailer.Address
	ReplyTo string         // may be empty
	Bounces string         // envelope sender; a token is added for each delivery
	Signer  *mailer.Signer // nil: the relay signs
}

// A Press makes and sends the editions of one publication. Its fields are set
// once; after that it may be used by several goroutines at once.
type Press struct {
	DB          *database.DB
	Now         func() time.Time
	Log         *slog.Logger
	Publication edition.Publication
	Slots       []Slot
	Articles    Source
	Renderer    *templates.Renderer
	Sender      Sender
	Keys        *subscribers.Keyring
	Dispatcher  *dispatch.Dispatcher
	Alerts      alerts.Board // who hears of what needs an editor; the zero Board: nobody
}

// Slot returns the slot called id; the empty id is the first slot.
func (p *Press) Slot(id string) (Slot, error) {
	if id == "" && len(p.Slots) > 0 {
		return p.Slots[0], nil
	}
	var known []string
	for _, s := range p.Slots {
		if s.ID == id {
			return s, nil
		}
		known = append(known, s.ID)
	}
	return Slot{}, fmt.Errorf("no slot %q; the configuration has %s", id, strings.Join(known, ", "))
}

// Today returns the date of the publication at this moment.
func (p *Press) Today() edition.Date { return edition.DateOf(p.Now(), p.Publication.Zone) }
