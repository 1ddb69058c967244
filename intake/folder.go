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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/edition"
)

// A Folder is a directory in which articles are filed as Markdown, one file
// each. Its fields are set once; Read may be called by several goroutines.
//
// Dir, Media, Zone and Now must be set.
type Folder struct {
	Dir   string
	Media string           // where pictures are put for the web, named by their content
	Zone  *time.Location   // times without an offset are read in it
	Now   func() time.Time // the clock that files' times are compared with

	// Settle is how long a file must have been left alone before it is read
	// without a second look; 0: two seconds.
	Settle time.Duration
	// Wait sleeps for d or until ctx ends; nil: by the system's clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// The bounds of a folder.
const (
	filesLimit  = 2000     // articles
	fileLimit   = 1 << 20  // bytes of one article
	folderLimit = 64 << 20 // bytes of all articles
	frontLimit  = 64 << 10 // bytes of front matter
)

const settleDefault = 2 * time.Second

// A Refusal says what was not taken as it was filed, and why.
type Refusal struct {
	File   string // as named in the folder; of a feed, its address
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

// A Result is what a source holds.
type Result struct {
	Articles []edition.Article // by slug
	Refused  []Refusal         // files that are no articles as they stand
	Warnings []Refusal         // parts of an article that were left out; the article is in Articles

	// Origins names the feed of each article that is from one, by slug.
	Origins map[string]string
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
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("articles: %w", err)
		}
		a, warnings, refusal := f.article(file, pictures)
		if refusal != nil {
			result.Refused = append(result.Refused, *refusal)
			continue
		}
		result.Articles = append(result.Articles, a)
		result.Warnings = append(result.Warnings, warnings...)
	}
	// A file's name has another order than its slug: "a-b.md" stands before "a.md".
	slices.SortFunc(result.Articles, func(a, b edition.Article) int { return strings.Compare(a.Slug, b.Slug) })
	slices.SortStableFunc(result.Refused, func(a, b Refusal) int { return strings.Compare(a.File, b.File) })
	return result, nil
}

// A filed is a file as read.
type filed struct {
	name  string
	text  []byte
	look  look
	fresh bool // so that it may still be written
}

// list returns the names of the files that are articles, or want to be.
func (f Folder) list(root *os.Root) (names []string, refused []Refusal, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(256)
		for _, e := range entries {
			if e.IsDir() || !isArticleName(e.Name()) {
				continue
			}
			if !e.Type().IsRegular() {
				refused = append(refused, Refusal{shownName(e.Name()), 0, notRegular})
				continue
			}
			names = append(names, e.Name())
		}
		if len(names)+len(refused) > filesLimit {
			return nil, nil, fmt.Errorf("%s holds more than %d articles; move old ones elsewhere", f.Dir, filesLimit)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool {
		reason := checkName(name, names)
		if reason != "" {
			refused = append(refused, Refusal{shownName(name), 0, reason})
		}
		return reason != ""
	})
	return names, refused, nil
}

const notRegular = "it is no regular file; put a copy of the article in its place"

// slugForm is what a file may be called: its name stands in URLs.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)

// checkName says why an article cannot have that name; names are all names,
// in order.
func checkName(name string, names []string) string {
	if slugForm.MatchString(strings.TrimSuffix(name, ".md")) {
		return ""
	}
	twin := strings.ToLower(name)
	if _, found := slices.BinarySearch(names, twin); found && twin != name {
		return fmt.Sprintf("it has the name of %s but for capitals; rename one of them", twin)
	}
	return "its name must be made of a-z, 0-9 and hyphens, such as harbour-ferries.md; rename it"
}

// shownName returns the name of a file as it is shown: whoever names it could
// write it all over a terminal.
func shownName(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(name)
	}
	return name
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
	fresh, size := false, 0
	for _, name := range names {
		file, refusal := readBounded(root, name)
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		if size += len(file.text); size > folderLimit {
			return nil, nil, fmt.Errorf("%s holds more than %d MB of articles; move old ones elsewhere", f.Dir, folderLimit>>20)
		}
		file.fresh = file.look.modified.After(f.Now().Add(-settle))
		fresh = fresh || file.fresh
		files = append(files, file)
	}
	if !fresh {
		return files, refused, nil
	}
	if err := f.wait(ctx, settle); err != nil {
		return nil, nil, err
	}
	still := files[:0]
	for _, file := range files {
		// A file from the future stays fresh, but what has held still for so
		// long is not being written.
		if file.fresh {
			again, refusal := readBounded(root, file.name)
			if refusal != nil || again.look != file.look {
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

// readBounded reads a file, but never more than an article may have.
func readBounded(root *os.Root, name string) (filed, *Refusal) {
	refuse := func(reason string) (filed, *Refusal) { return filed{}, &Refusal{name, 0, reason} }
	text, info, err := readRegular(root, name, fileLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("it vanished while the folder was read")
	case errors.Is(err, errNotRegular):
		return refuse(notRegular)
	case errors.Is(err, errTooLong):
		return refuse(fmt.Sprintf("it is longer than %d kB; an article is text, put pictures beside it", fileLimit>>10))
	case err != nil:
		return refuse(fmt.Sprintf("it cannot be read: %v", err))
	}
	return filed{name: name, text: text, look: look{info.Size(), info.ModTime(), sha256.Sum256(text)}}, nil
}

var (
	errNotRegular = errors.New("no regular file")
	errTooLong    = errors.New("too long")
)

// readRegular reads a regular file of at most limit bytes. It never waits for
// somebody to write into a pipe, and opens nothing above root.
func readRegular(root *os.Root, name string, limit int64) ([]byte, fs.FileInfo, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, withoutPath(err)
	case !info.Mode().IsRegular():
		return nil, nil, errNotRegular
	case info.Size() > limit:
		return nil, nil, errTooLong
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = errTooLong // it grew meanwhile
	}
	return content, info, withoutPath(err)
}

// withoutPath returns err without the name of the file, which stands before
// the reason.
func withoutPath(err error) error {
	var about *fs.PathError
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}
