package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/zotpaper/zotpaper/edition"
)

// A Source gives the articles that are there now.
type Source interface {
	Read(ctx context.Context) (Result, error)
}

// Combined is several sources as one. Of an article that two of them have,
// known by the address of its page, the earlier source's is taken: what editors
// file stands before what feeds bring.
type Combined []Source

// Read returns the articles of all sources, each under a slug of its own. It
// fails if one of them does.
func (c Combined) Read(ctx context.Context) (Result, error) {
	all := Result{Origins: map[string]string{}}
	pages := map[string]string{} // canonical address: slug
	taken := map[string]bool{}
	for _, source := range c {
		r, err := source.Read(ctx)
		if err != nil {
			return Result{}, err
		}
		all.Refused = append(all.Refused, r.Refused...)
		all.Warnings = append(all.Warnings, r.Warnings...)
		doubles := map[string]*notes{} // by origin
		added := map[string]string{}
		for _, a := range r.Articles {
			origin := r.Origins[a.Slug]
			page := canonical(a.URL)
			if filed, ok := pages[page]; ok && page != "" {
				name := cmp.Or(origin, a.Slug)
				if doubles[name] == nil {
					doubles[name] = &notes{file: name}
				}
				doubles[name].warn(0, "%q is there already, as %s", a.Headline, filed)
				continue
			}
			if taken[a.Slug] {
				a.Slug = distinct(a.Slug)
			}
			if page != "" && added[page] == "" {
				added[page] = a.Slug
			}
			if origin != "" {
				all.Origins[a.Slug] = origin
			}
			all.Articles = append(all.Articles, a)
		}
		for _, name := range sorted(doubles) {
			all.Refused = append(all.Refused, doubles[name].all()...)
		}
		// Only now: one source may well file two articles about one page.
		for page, slug := range added {
			pages[page] = slug
		}
		for _, a := range all.Articles {
			taken[a.Slug] = true
		}
	}
	slices.SortFunc(all.Articles, func(a, b edition.Article) int { return cmp.Compare(a.Slug, b.Slug) })
	return all, nil
}

// distinct returns another slug for an article whose own is taken, the same
// every time: under it an edition knows that it was printed.
func distinct(slug string) string {
	sum := sha256.Sum256([]byte("again\x00" + slug))
	return slug[:min(len(slug), 90)] + "-" + hex.EncodeToString(sum[:4])
}

// sorted returns the keys of m in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
