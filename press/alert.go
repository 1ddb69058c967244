package press

import (
	"context"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/alerts"
	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
)

// raise tells the editors, within ch. Of one cause and edition they hear once an
// hour.
func (ch *change) raise(ctx context.Context, board alerts.Board, kind string, key edition.Key, subject, text string) error {
	_, err := board.Raise(ctx, ch.Tx, alerts.Alert{Cause: kind + " " + key.String(), Subject: subject, Text: text}, ch.now)
	return err
}

// name returns what editors call an edition.
func name(title string, key edition.Key) string { return title + ", " + key.Date.Long() }

// heldText says what to do about an edition that is held.
func (p *Press) heldText(d Draft, kind, reason string) (subject, text string) {
	key := d.Edition.Key
	deadline := "when somebody puts that right"
	if last, ok := p.deadline(d.Slot, key.Date); ok {
		deadline = fmt.Sprintf("if that is put right by %s; after that it is missed", p.clockTime(last))
	}
	what := map[string]string{
		"hold":     fmt.Sprintf("To let it go: zotpaper edition release %s", key),
		"thin":     fmt.Sprintf("File what is missing, or let it go as it is: zotpaper edition release --anyway %s", key),
		"approval": fmt.Sprintf("Look at it with \"zotpaper edition check %s\" and \"zotpaper edition test\", then: zotpaper edition release %s", key, key),
		"nobody":   "Nobody who may be mailed is on its list: zotpaper subscribers list",
		"changed":  fmt.Sprintf("Look at it again, then: zotpaper edition release %s", key),
	}[kind]
	subject = "Held: " + name(d.Edition.Title, key)
	if kind == "approval" {
		subject = "Waiting for your release: " + name(d.Edition.Title, key)
	}
	return subject, fmt.Sprintf("%s does not go out: %s.\n\n%s\n\nIt goes out %s.\n", name(d.Edition.Title, key), reason, what, deadline)
}

// clockTime spells a time as the newsroom's clock shows it.
func (p *Press) clockTime(t time.Time) string {
	return t.In(p.Publication.Zone).Format("15:04 on 2 January (MST)")
}

// stoppedText says what to do about a dispatch that has stopped.
func stoppedText(r Record, stop *dispatch.StopError) string {
	return fmt.Sprintf("%s stopped on its way. Nobody is lost, and nobody gets it twice.\n\nThe reason: %s\n\n"+
		"Put that right. \"zotpaper serve\" and \"zotpaper work\" try again every minute; otherwise: zotpaper edition send --slot %s --date %s\n",
		name(r.Title, r.Key), stop.Cause, r.Key.Slot, r.Key.Date)
}

// completeText has the figures of an edition that has gone out.
func completeText(r Record, t dispatch.Tally, now time.Time) string {
	text := fmt.Sprintf("%s is with the mail servers of its readers, %s after it was frozen.\n\n",
		name(r.Title, r.Key), now.Sub(r.Frozen).Round(time.Second))
	for _, line := range []struct {
		what string
		n    int
	}{
		{"recipients", t.Recipients}, {"sent", t.Sent}, {"rejected", t.Rejected}, {"suppressed", t.Suppressed},
		{"expired", t.Expired}, {"unrenderable", t.Unrenderable}, {"held", t.Held}, {"canceled", t.Canceled}, {"in doubt", t.InDoubt},
	} {
		if line.n > 0 || line.what == "recipients" || line.what == "sent" {
			text += fmt.Sprintf("%-13s %7d\n", line.what, line.n)
		}
	}
	return text + fmt.Sprintf("\nWho and why: zotpaper edition show %s\n", r.Key)
}
