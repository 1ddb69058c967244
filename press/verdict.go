package press

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A Verdict is what an editor said of an edition before it was frozen.
type Verdict struct {
	Release bool   // it may go out as it was then; else it must not
	SHA256  string // of the issue that was released
	Anyway  bool   // although something speaks against it
	Who     string
	Why     string // may be empty
	At      time.Time

	id       int64
	contents contents
}

// number tells v from other verdicts; 0: there is none.
func (v *Verdict) number() int64 {
	if v == nil {
		return 0
	}
	return v.id
}

// contents are the articles of an issue by their slug, in the order printed, each
// with a hash of all that is printed of it.
type contents []printedAs

type printedAs struct {
	Slug     string `json:"slug"`
	Headline string `json:"headline"`
	Hash     string `json:"hash"`
}

// contents returns what d would print.
func (d Draft) contents() (contents, error) {
	var all contents
	for _, a := range d.Edition.Lineup.Articles() {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("contents of %s: %w", d.Edition.Key, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, printedAs{a.Slug, a.Headline, hex.EncodeToString(sum[:8])})
	}
	return all, nil
}

// since says what changed from before to c, for people; nothing if it is not
// about an article.
func (c contents) since(before contents) string {
	find := func(in contents, slug string) int {
		return slices.IndexFunc(in, func(p printedAs) bool { return p.Slug == slug })
	}
	var parts []string
	same := len(c) == len(before)
	for i, now := range c {
		was := find(before, now.Slug)
		switch {
		case was < 0:
			parts = append(parts, fmt.Sprintf("%q was added", now.Headline))
		case before[was].Hash != now.Hash:
			parts = append(parts, fmt.Sprintf("%q was changed", now.Headline))
		}
		same = same && was == i
	}
	for _, was := range before {
		if find(c, was.Slug) < 0 {
			parts = append(parts, fmt.Sprintf("%q was taken out", was.Headline))
		}
	}
	if len(parts) == 0 && !same {
		parts = []string{"the articles stand in another order"}
	}
	const most = 5
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more changes", len(parts)-most))
	}
	return strings.Join(parts, ", ")
}

const (
	selectVerdict = `
	SELECT   id, kind, sha256, contents, anyway, who, why, at
	FROM     verdicts
	WHERE    edition_id = $1
	ORDER BY id DESC
	LIMIT    1`

	insertVerdict = `
	INSERT INTO verdicts (edition_id, kind, sha256, contents, anyway, who, why, at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// Verdict returns the last word of an editor about r, or nil if there is none.
func (p *Press) Verdict(ctx context.Context, r Record) (*Verdict, error) {
	return findVerdict(ctx, p.DB, r)
}

func findVerdict(ctx context.Context, q querier, r Record) (*Verdict, error) {
	var v Verdict
	var kind, text string
	var anyway int
	var at database.Time
	err := q.QueryRowContext(ctx, selectVerdict, r.ID).Scan(&v.id, &kind, &v.SHA256, &text, &anyway, &v.Who, &v.Why, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &v.contents)
	}
	if err != nil {
		return nil, fmt.Errorf("verdict on edition %s: %w", r.Key, err)
	}
	v.Release, v.Anyway, v.At = kind == "release", anyway != 0, at.Time
	return &v, nil
}

// insert records v about r.
func (ch *change) insertVerdict(ctx context.Context, r Record, v Verdict) error {
	kind, text, anyway := "hold", "", 0
	if v.Release {
		kind = "release"
		encoded, err := json.Marshal(v.contents)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	if v.Anyway {
		anyway = 1
	}
	_, err := ch.ExecContext(ctx, insertVerdict, r.ID, kind, v.SHA256, text, anyway, v.Who, v.Why, database.Time{Time: ch.now})
	if err != nil {
		return fmt.Errorf("record the verdict on edition %s: %w", r.Key, err)
	}
	return nil
}

// Withhold keeps the edition of slot on date from going out until somebody
// releases it. It fails with a *StateError once it is frozen.
func (p *Press) Withhold(ctx context.Context, slot Slot, date edition.Date, who, why string) (Record, error) {
	d, err := p.outline(ctx, slot, date)
	if err != nil {
		return Record{}, err
	}
	var r Record
	err = p.change(ctx, func(ctx context.Context, ch *change) (err error) {
		if r, err = ch.settle(ctx, d, edition.Held, cause{who, because("held by "+who, why)}); err != nil {
			return err
		}
		return ch.insertVerdict(ctx, r, Verdict{Who: who, Why: why})
	})
	if err != nil {
		return Record{}, fmt.Errorf("hold %s: %w", d.Edition.Key, err)
	}
	return r, nil
}

// A BlockedError says that an edition cannot be released as it stands.
type BlockedError struct {
	Key    edition.Key
	Reason string
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("edition %s cannot be released: %s", e.Key, e.Reason)
}

// Approve lets the edition of slot on date go out at its time, or at once if that
// is past, as it would be now: an issue with another hash is held, and the
// editors hear what changed. hash is the SHA-256 of the issue that the editor
// saw; empty means whatever it is now.
//
// It fails with a *BlockedError if the hash is another now, or if something
// speaks against the edition and anyway is false; an edition without articles is
// never released. It fails with a *StateError once the edition is frozen.
func (p *Press) Approve(ctx context.Context, slot Slot, date edition.Date, hash string, anyway bool, who, why string) (Record, error) {
	d, err := p.Draft(ctx, slot, date, p.Now())
	if err != nil {
		return Record{}, err
	}
	key := d.Edition.Key
	v := Verdict{Release: true, SHA256: d.Issue.SHA256(), Anyway: anyway, Who: who, Why: why}
	if v.contents, err = d.contents(); err != nil {
		return Record{}, err
	}
	switch {
	case len(v.contents) == 0:
		return Record{}, &BlockedError{key, "it has no articles"}
	case hash != "" && hash != v.SHA256:
		return Record{}, &BlockedError{key, "it is not what you saw: its hash is " + v.SHA256}
	case d.Shortfall() > 0 && !anyway:
		return Record{}, &BlockedError{key, shortfallReason(d)}
	}
	var r Record
	err = p.change(ctx, func(ctx context.Context, ch *change) (err error) {
		c := cause{who, because("released", why)}
		if r, err = ch.settle(ctx, d, edition.Draft, c); err != nil {
			return err
		}
		if len(ch.steps) == 0 { // it was a draft before
			if err := ch.note(ctx, r, r.State, c); err != nil {
				return err
			}
		}
		return ch.insertVerdict(ctx, r, v)
	})
	if err != nil {
		return Record{}, fmt.Errorf("release %s: %w", key, err)
	}
	return r, nil
}

// objection returns why d must not be frozen, and what tells that reason from
// others; nothing if it may be.
func (p *Press) objection(d Draft, v *Verdict) (kind, reason string, err error) {
	if v != nil && !v.Release {
		return "hold", because("held by "+v.Who, v.Why), nil
	}
	if len(d.Edition.Lineup.Articles()) == 0 || d.Shortfall() > 0 && (v == nil || !v.Anyway) {
		return "thin", shortfallReason(d), nil
	}
	if v == nil {
		if d.Slot.Approval {
			return "approval", "it waits for an editor's release", nil
		}
		return "", "", nil
	}
	if v.SHA256 == d.Issue.SHA256() {
		return "", "", nil
	}
	now, err := d.contents()
	if err != nil {
		return "", "", err
	}
	what := now.since(v.contents)
	if what == "" {
		what = "not an article, but something around them: the configuration or the templates"
	}
	return "changed", fmt.Sprintf("it is not what %s released: %s", v.Who, what), nil
}

// outline returns the edition of slot on date without its articles.
func (p *Press) outline(ctx context.Context, slot Slot, date edition.Date) (Draft, error) {
	key := edition.Key{Date: date, Slot: slot.ID}
	until := p.Now()
	if cutoff, ok := p.Cutoff(slot, date); ok {
		until = cutoff
	}
	window, err := p.window(ctx, slot, date, until)
	if err != nil {
		return Draft{}, fmt.Errorf("edition %s: %w", key, err)
	}
	return Draft{Slot: slot, Edition: edition.Edition{Key: key, Title: slot.Title, List: slot.List, Window: window}}, nil
}
