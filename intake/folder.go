package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// A Folder is a directory in which articles are filed as Markdown, one file
// each. Its fields are set once; Read may be called by several goroutines.
type Folder struct {
	Dir   string
	Media string         // where pictures are put for the web, named by their content
	Zone  *time.Location // times without an offset are read in it
	Now   func() time.Time

	// Settle is how long a file must have been left alone before it is read
	// without a second look; 0: two seconds.
	Settle time.Duration
	// Wait sleeps for d or until ctx ends; nil: by the system's clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// The bounds of a folder.
const (
	filesLimit = 2000    // articles
	fileLimit  = 1 << 20 // bytes of one article
	frontLimit = 64 << 10
)

const settleDefault = 2 * time.Second

// A Refusal says what was not taken as it was filed, and why.
type Refusal struct {
	File   string // as named in the folder
	Line   int    // from 1; 0: it concerns the file as a whole
	Reason string // what is wrong and what to do
}

// String returns file:line: reason.
func (r Refusal) String() string {
	if r.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Reason)
	}
	return fmt.Sprintf("%s: %s", r.File, r.Reason)
}

// A Result is what a folder holds.
type Result struct {
	Articles []edition.Article // by slug
	Refused  []Refusal         // files that are no articles as they stand
	Warnings []Refusal         // parts of an article that were left out; the article is in Articles
}

// Read returns the articles of the folder as they stand. A file that cannot be
// an article is refused and the others go on; the error is for the folder as a
// whole.
//
// A file that was changed within Settle is read again after that long, and
// refused if it has changed once more: a half-written article must not be
// printed.
func (f Folder) Read(ctx context.Context) (Result, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return Result{}, fmt.Errorf("articles: %w", err)
	}
	defer root.Close()
	names, refused, err := f.list(root)
	if err != nil {
		return Result{}, fmt.Errorf("articles: %w", err)
	}
	result := Result{Refused: refused}
	files, unread, err := f.readStill(ctx, root, names)
	if err != nil {
		return Result{}, fmt.Errorf("articles: %w", err)
	}
	result.Refused = append(result.Refused, unread...)

	pictures := &pictures{root: root, media: f.Media}
	taken := map[string]string{} // file by slug
	for _, file := range files {
		slug := strings.ToLower(strings.TrimSuffix(file.name, ".md"))
		if first, ok := taken[slug]; ok {
			result.Refused = append(result.Refused, Refusal{file.name, 0, fmt.Sprintf("%s has the same name but for capitals; rename one of them", first)})
			continue
		}
		taken[slug] = file.name
		a, warnings, refusal := f.article(file, pictures)
		if refusal != nil {
			result.Refused = append(result.Refused, *refusal)
			continue
		}
		result.Articles = append(result.Articles, a)
		result.Warnings = append(result.Warnings, warnings...)
	}
	slices.SortStableFunc(result.Refused, func(a, b Refusal) int { return strings.Compare(a.File, b.File) })
	return result, nil
}

// A filed is a file as read.
type filed struct {
	name string
	text []byte
}

// list returns the names of the files that are articles, or want to be.
func (f Folder) list(root *os.Root) (names []string, refused []Refusal, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !isArticleName(e.Name()) {
			continue
		}
		if !e.Type().IsRegular() {
			refused = append(refused, Refusal{e.Name(), 0, "it is no regular file; put a copy of the article in its place"})
			continue
		}
		names = append(names, e.Name())
	}
	slices.Sort(names)
	if len(names) > filesLimit {
		return nil, nil, fmt.Errorf("%s holds %d articles, at most %d are read; move old ones elsewhere", f.Dir, len(names), filesLimit)
	}
	return names, refused, nil
}

// isArticleName reports whether a file of that name is meant as an article.
// What editors and programs leave beside it while they write is not.
func isArticleName(name string) bool {
	switch {
	case strings.ToLower(filepath.Ext(name)) != ".md",
		strings.HasPrefix(name, "."),               // hidden; .#ferry.md of Emacs, ._ferry.md of macOS
		strings.HasPrefix(name, "#"),               // #ferry.md# of Emacs
		strings.HasPrefix(name, "~"),               // of word processors
		strings.HasSuffix(name, "___jb_tmp___.md"), // of JetBrains
		strings.Contains(name, ".sync-conflict-"):
		return false
	}
	return true
}

// readStill reads the files called names, each of them while it holds still.
func (f Folder) readStill(ctx context.Context, root *os.Root, names []string) (files []filed, refused []Refusal, err error) {
	settle := f.Settle
	if settle == 0 {
		settle = settleDefault
	}
	seen := map[string]look{}
	fresh := false
	for _, name := range names {
		l, text, refusal := readBounded(root, name)
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		seen[name] = l
		files = append(files, filed{name, text})
		fresh = fresh || l.fresh(f.Now(), settle)
	}
	if !fresh {
		return files, refused, nil
	}
	if err := f.wait(ctx, settle); err != nil {
		return nil, nil, err
	}
	still := files[:0]
	for _, file := range files {
		if before := seen[file.name]; before.fresh(f.Now().Add(-settle), settle) || before.fresh(f.Now(), settle) {
			after, _, refusal := readBounded(root, file.name)
			if refusal != nil || after != before {
				refused = append(refused, Refusal{file.name, 0, "it is still being written; it will be read next time"})
				continue
			}
		}
		still = append(still, file)
	}
	return still, refused, nil
}

func (f Folder) wait(ctx context.Context, d time.Duration) error {
	if f.Wait != nil {
		return f.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// A look is what tells whether a file has changed.
type look struct {
	size     int64
	modified time.Time
	sum      [sha256.Size]byte
}

// fresh reports whether the file was changed less than settle before now, or
// says it will be.
func (l look) fresh(now time.Time, settle time.Duration) bool {
	return l.modified.After(now.Add(-settle))
}

// readBounded reads a file, but never more than an article may have.
func readBounded(root *os.Root, name string) (look, []byte, *Refusal) {
	refuse := func(reason string) (look, []byte, *Refusal) {
		return look{}, nil, &Refusal{name, 0, reason}
	}
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse("it vanished while the folder was read")
	}
	if err != nil {
		return refuse(err.Error())
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return refuse(err.Error())
	}
	if !info.Mode().IsRegular() {
		return refuse("it is no regular file; put a copy of the article in its place")
	}
	text, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err != nil {
		return refuse(err.Error())
	}
	if len(text) > fileLimit {
		return refuse(fmt.Sprintf("it is longer than %d kB; an article is text, put pictures beside it", fileLimit>>10))
	}
	return look{info.Size(), info.ModTime(), sha256.Sum256(text)}, text, nil
}
