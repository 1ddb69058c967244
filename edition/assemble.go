package edition

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Printed says when each article, by its slug, was last carried by an edition
// of one slot: the cut-off of that edition.
type Printed map[string]time.Time

// Assemble builds the edition of slot on date from articles.
//
// It carries the articles due in w (see [Article.Due]) that are no drafts and
// that printed does not name. An article already printed is carried again only
// if it is marked for reprint and was updated since. If more than
// slot.Maximum remain, the least urgent are left out, the oldest first among
// equals. Whatever is left out is named in Omitted. Of several articles under
// one slug the first published is taken.
//
// The order of articles does not matter: equal articles give an equal edition.
func Assemble(slot Slot, date Date, w Window, articles []Article, printed Printed) Edition {
	e := Edition{Key: Key{date, slot.ID}, Title: slot.Title, List: slot.List, Window: w}

	offered := slices.Clone(articles)
	slices.SortStableFunc(offered, func(a, b Article) int {
		return cmp.Or(cmp.Compare(a.Slug, b.Slug), a.Published.Compare(b.Published),
			cmp.Compare(a.Headline, b.Headline), cmp.Compare(a.Section, b.Section), cmp.Compare(a.Words(), b.Words()))
	})
	var carried []Article
	seen := make(map[string]bool, len(offered))
	for _, a := range offered {
		reason, until := omission(a, w, printed)
		if seen[a.Slug] {
			reason = OmittedTwin
		}
		seen[a.Slug] = true
		if reason != "" {
			e.Omitted = append(e.Omitted, Omission{a.Slug, a.Headline, reason, until})
			continue
		}
		carried = append(carried, a)
	}

	slices.SortStableFunc(carried, byImportance)
	if slot.Maximum > 0 && len(carried) > slot.Maximum {
		for _, a := range carried[slot.Maximum:] {
			e.Omitted = append(e.Omitted, Omission{Slug: a.Slug, Headline: a.Headline, Reason: OmittedFull})
		}
		carried = carried[:slot.Maximum]
		slices.SortStableFunc(e.Omitted, func(a, b Omission) int { return cmp.Compare(a.Slug, b.Slug) })
	}
	e.Lineup = lineUp(carried, slot.Sections)
	return e
}

// omission returns why a cannot stand in an edition with window w, and until
// when; an empty reason means that it can.
func omission(a Article, w Window, printed Printed) (Reason, time.Time) {
	due := a.Due()
	last, again := printed[a.Slug]
	switch {
	case a.Draft:
		return OmittedDraft, time.Time{}
	case again && (!a.Reprint || !a.Updated.After(last)):
		return OmittedPrinted, time.Time{}
	case due.After(w.Until) && a.Embargo.Equal(due):
		return OmittedEmbargo, due
	case due.After(w.Until):
		return OmittedFuture, due
	case !w.Contains(due):
		return OmittedOld, time.Time{}
	}
	return "", time.Time{}
}

// byImportance orders articles as an editor would offer them for the lead:
// those flagged first, then by urgency, then the newest; the slug decides
// between articles that are equal in all that, so that the order is the same
// on every run.
func byImportance(a, b Article) int {
	return cmp.Or(
		compareBool(b.Lead, a.Lead),
		cmp.Compare(urgency(a), urgency(b)),
		b.Due().Compare(a.Due()),
		cmp.Compare(a.Slug, b.Slug),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func urgency(a Article) int {
	if a.Urgency == 0 {
		return UrgencyDefault
	}
	return a.Urgency
}

// lineUp places articles, which are in order of importance: the first that is
// no brief leads, briefs go to the end, the others into sections, the sections
// of order first and any others after them by name.
func lineUp(articles []Article, order []string) Lineup {
	var l Lineup
	sections := map[string]*Section{}
	for _, a := range articles {
		switch {
		case a.IsBrief():
			l.Briefs = append(l.Briefs, a)
		case l.Lead == nil:
			l.Lead = &a
		default:
			key := strings.ToLower(a.Section)
			s := sections[key]
			if s == nil {
				s = &Section{Name: a.Section}
				sections[key] = s
			}
			s.Articles = append(s.Articles, a)
		}
	}
	for _, s := range sections {
		l.Sections = append(l.Sections, *s)
	}
	rank := make(map[string]int, len(order))
	for i, name := range order {
		rank[strings.ToLower(name)] = i - len(order) // negative: before all others
	}
	slices.SortFunc(l.Sections, func(a, b Section) int {
		ka, kb := strings.ToLower(a.Name), strings.ToLower(b.Name)
		// An article without a section stands after all that have one.
		return cmp.Or(compareBool(ka == "", kb == ""), cmp.Compare(rank[ka], rank[kb]), cmp.Compare(ka, kb))
	})
	return l
}

// Shortfall returns how many articles e lacks for slot's minimum; 0 or less
// means there are enough. Briefs count: they are news too.
func (e Edition) Shortfall(slot Slot) int {
	return slot.Minimum - len(e.Lineup.Articles())
}
