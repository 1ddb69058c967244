package intake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// A Feed is one RSS, Atom or JSON feed, and how its items are taken.
type Feed struct {
	URL      string // http or https, without a user's name
	Section  string // of items whose categories are no sections of the paper; empty: their first category
	FullText bool   // false: headline, standfirst and link, even if the feed has more
}

// Feeds reads the articles of several feeds. Its fields are set once; Read may
// be called by several goroutines, which take turns.
//
// Of every feed the last good copy is kept on disk. Whatever is wrong with a
// feed, or with the way to it, costs at most that feed: its copy is used
// instead, and the result says so.
//
// Cache and Now must be set.
type Feeds struct {
	List     []Feed   // at most [FeedsLimit]; of one article in two of them the first wins
	Sections []string // the paper's own, as they are spelled in it
	// PrivateHosts are the names of servers that may have an address in a
	// private network, such as the newsroom's own. They are asked every time.
	PrivateHosts []string
	Cache        string // the folder of the copies
	Agent        string // how we introduce ourselves to servers
	Now          func() time.Time

	turn    sync.Mutex // held by Read
	parsing sync.Mutex // one feed at a time is taken apart: that takes most memory

	// Tests put these in the place of the network's own.
	resolver *net.Resolver
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	patience time.Duration // 0: feedPatience
}

// FeedsLimit is how many feeds a paper may have.
const FeedsLimit = 64

// The bounds of feeds.
const (
	feedLimit     = 10 << 20         // bytes of one feed, unpacked
	itemsLimit    = 500              // items of one feed; the newest are taken
	feedPatience  = 20 * time.Second // for one feed, redirects and all
	feedsPatience = time.Minute      // for all of them; who comes later counts as broken
	feedsAtOnce   = 4                // fetched
)

// A feedResult is what one feed gave.
type feedResult struct {
	Result
	size int // bytes of the feed
}

// Read returns the articles of all feeds. The error is that of ctx alone: a
// feed that cannot be read is named in the result.
func (f *Feeds) Read(ctx context.Context) (Result, error) {
	f.turn.Lock()
	defer f.turn.Unlock()
	limited, cancel := context.WithTimeout(ctx, feedsPatience)
	defer cancel()
	list := f.List[:min(len(f.List), FeedsLimit)]
	results := make([]feedResult, len(list))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(feedsAtOnce, len(list)) {
		workers.Go(func() {
			for i := range next {
				results[i] = f.readOne(limited, list[i])
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("feeds: %w", err)
	}
	return merge(list, results), nil
}

// merge puts the feeds' articles together, each of them once.
func merge(list []Feed, results []feedResult) Result {
	all := Result{Origins: map[string]string{}}
	pages := map[string]string{} // canonical address: slug
	size := 0
	for i, r := range results {
		name := shownFeed(list[i].URL)
		all.Refused = append(all.Refused, r.Refused...)
		all.Warnings = append(all.Warnings, r.Warnings...)
		if size += r.size; size > folderLimit {
			all.Refused = append(all.Refused, Refusal{name, 0, fmt.Sprintf("the feeds together are larger than %d MB; take some out", folderLimit>>20)})
			break
		}
		twice := &notes{file: name}
		for _, a := range r.Articles {
			page := canonical(a.URL)
			if first, ok := pages[page]; ok && page != "" {
				twice.warn(0, "%q is in %s already", a.Headline, all.Origins[first])
				continue
			}
			if _, taken := all.Origins[a.Slug]; taken {
				twice.warn(0, "%q is in %s already", a.Headline, all.Origins[a.Slug])
				continue
			}
			pages[page], all.Origins[a.Slug] = a.Slug, name
			all.Articles = append(all.Articles, a)
		}
		all.Refused = append(all.Refused, twice.all()...)
	}
	slices.SortFunc(all.Articles, func(a, b edition.Article) int { return strings.Compare(a.Slug, b.Slug) })
	return all
}

// readOne reads one feed: anew if it may be asked and answers, else its copy.
func (f *Feeds) readOne(ctx context.Context, feed Feed) (result feedResult) {
	n := &notes{file: shownFeed(feed.URL)}
	// As with a file: what makes somebody's code panic costs this feed alone.
	defer func() {
		if r := recover(); r != nil {
			reason := clip(oneLine(printable(fmt.Sprint(r))), 100)
			result = feedResult{Result: Result{Refused: []Refusal{{n.file, 0, "it cannot be taken apart: " + reason}}}}
		}
	}()
	now := f.Now()
	kept, err := f.loadCopy(feed.URL)
	if err != nil {
		n.warn(0, "its copy is not used: %v", err)
	}
	current, parsed, err := f.renew(ctx, feed, kept, now)
	if reason := err; reason != nil && kept != nil {
		current = kept
		if parsed, err = f.parse(kept); err != nil {
			err = reason
		} else {
			n.warn(0, "it could not be read (%v); its copy of %s is used%s", reason, kept.Fetched.UTC().Format(time.RFC3339), aged(now.Sub(kept.Fetched)))
		}
	}
	if err != nil {
		refused := Refusal{n.file, 0, fmt.Sprintf("it could not be read (%v), and there is no copy of it; the edition goes on without it", err)}
		return feedResult{Result: Result{Refused: []Refusal{refused}, Warnings: n.all()}}
	}
	r := f.convert(feed, current, parsed, now, n)
	current.Read = now
	if err := f.saveCopy(current); err != nil {
		n.warn(0, "its copy could not be kept: %v", err)
	}
	r.Warnings = n.all()
	r.size = len(current.body)
	return r
}

// aged returns how old a copy is, if that is worth saying.
func aged(age time.Duration) string {
	const day = 24 * time.Hour
	if age < 2*day {
		return ""
	}
	return fmt.Sprintf(", %d days old", age/day)
}

// renew returns the feed as it stands now. kept is its copy, or nil; it is
// returned itself if the server says that it still stands, or need not be asked
// yet.
func (f *Feeds) renew(ctx context.Context, feed Feed, kept *feedCopy, now time.Time) (*feedCopy, *parsedFeed, error) {
	l := f.lineTo(feed.URL)
	if kept != nil && !l.private && kept.fresh(now) {
		parsed, err := f.parse(kept)
		if err == nil {
			return kept, parsed, nil
		}
		kept.ETag, kept.LastModified = "", "" // of a copy of no use
	}
	got, err := l.fetch(ctx, kept)
	if err != nil {
		var busy *busyError
		if errors.As(err, &busy) && kept != nil {
			kept.Next = now.Add(min(busy.after, keepLongest))
		}
		return nil, nil, err
	}
	current := kept
	if !got.unchanged {
		current = &feedCopy{URL: feed.URL, body: got.body, Charset: got.charset, Base: got.base}
		if kept != nil {
			current.Read, current.Items = kept.Read, kept.Items
		}
	}
	parsed, err := f.parse(current)
	if err != nil && got.unchanged {
		// The server says that a copy stands of which we can make nothing. It
		// cannot say so again to whoever names none.
		kept.ETag, kept.LastModified = "", ""
		return f.renew(ctx, feed, kept, now)
	}
	if err != nil {
		return nil, nil, err
	}
	current.ETag, current.LastModified = got.etag, got.modified
	current.Fetched, current.Next = now, now.Add(got.keep)
	return current, parsed, nil
}

// shownFeed returns the address of a feed as it is shown: what stands behind
// the ? of one may be a key.
func shownFeed(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return clip(printable(address), 200)
	}
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	u.Fragment, u.User = "", nil
	return clip(u.String(), 200)
}
