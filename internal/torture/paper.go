//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What an edition carries: with this much, a mail has about 60 kB.
const (
	articles     = 10
	articleWords = 180
)

// A paper is a folder that zotpaper can work in.
type paper struct {
	binary   string
	folder   string
	database string // as config.yaml names it
	readers  int
	date     string // of all its editions
	env      []string
}

// conditions are what differs between the runs of a paper.
type conditions struct {
	relay       string // host:port
	tls         string // none or mandatory
	connections int
	pipelining  bool
	policy      string // dispatch.on_in_doubt
	key         string // file of the DKIM key; empty: the relay signs
	slots       int    // editions that can be sent
	rate        int
}

// newPaper makes a paper of its own with readers on its list. An empty database
// is a file of SQLite.
func (s *shop) newPaper(ctx context.Context, database string, readers int) (*paper, error) {
	s.papers++
	p := &paper{
		binary: s.binary, folder: filepath.Join(s.folder, fmt.Sprintf("paper-%d", s.papers)),
		database: database, readers: readers, date: time.Now().UTC().Format(time.DateOnly),
	}
	if database == "" {
		p.database = "sqlite:" + filepath.Join(p.folder, "zotpaper.db")
	}
	if _, err := p.run(ctx, "init", p.folder); err != nil {
		return nil, err
	}
	err := errors.Join(p.writeArticles(), p.writeReaders(), p.configure(conditions{
		relay: "127.0.0.1:1", tls: "none", connections: 1, policy: "resend", slots: 1,
	}))
	if err == nil {
		_, err = p.run(ctx, "--config", p.config(0), "--quiet", "subscribers", "import", "--list", "readers", filepath.Join(p.folder, "readers.csv"))
	}
	return p, err
}

func (p *paper) remove() error { return os.RemoveAll(p.folder) }

// config returns the configuration of one of the processes at work: 0 is
// edition send, the others are as if on other machines.
func (p *paper) config(process int) string {
	if process == 0 {
		return filepath.Join(p.folder, "config.yaml")
	}
	return filepath.Join(p.folder, fmt.Sprintf("config-%d.yaml", process))
}

// processes is how many configurations a paper has.
const processes = 4

// configure writes the configurations.
func (p *paper) configure(c conditions) error {
	host, port, err := net.SplitHostPort(c.relay)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "articles: {folder: %q}\nbounces: {address: bounce@news.example}\n", filepath.Join(p.folder, "articles"))
	fmt.Fprintf(&b, "from: {name: Zotpaper, address: edition@news.example, reply_to: letters@news.example}\n")
	fmt.Fprintf(&b, "smtp: {host: %q, port: %s, tls: %s, connections: %d, pipelining: %v, rate: %d, timeout: 1m}\n",
		host, port, c.tls, c.connections, c.pipelining, c.rate)
	fmt.Fprintf(&b, "web: {url: \"https://news.example\", secret_file: %q}\ndatabase: %q\n", filepath.Join(p.folder, "zotpaper.secret"), p.database)
	if c.key != "" {
		fmt.Fprintf(&b, "dkim: {selector: torture, domain: news.example, key_file: %q}\n", c.key)
	}
	b.WriteString("editors: {alert: []}\n") // the mail server counts readers
	b.WriteString("slots:\n")
	for n := range c.slots {
		fmt.Fprintf(&b, "  - {id: %s, title: Afternoon Edition, schedule: \"59 23 * * *\", list: readers, minimum: 1, sections: [World]}\n", slot(n))
	}
	for n := range processes {
		journal := filepath.Join(p.folder, fmt.Sprintf("journal-%d", n))
		text := b.String() + fmt.Sprintf("dispatch: {on_in_doubt: %s, journal: %q}\n", c.policy, journal)
		err = errors.Join(err, os.MkdirAll(journal, 0o700), os.WriteFile(p.config(n), []byte(text), 0o600))
	}
	return err
}

// slot returns the name of the slot of the nth edition. Every edition has a
// slot of its own, so that the same articles can be in all of them.
func slot(n int) string { return fmt.Sprintf("edition-%d", n) }

// writeArticles writes articles of made-up words, the same in every run.
func (p *paper) writeArticles() error {
	// The article that a new paper begins with is not wanted.
	if err := os.RemoveAll(filepath.Join(p.folder, "articles")); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(p.folder, "articles"), 0o755); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 1))
	published := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	for n := range articles {
		var b strings.Builder
		fmt.Fprintf(&b, "---\nheadline: The Council of Town %d Votes on Its Harbour\nstandfirst: A decision after %d years of talk\n", n, n+2)
		fmt.Fprintf(&b, "section: World\nbyline: Zotpaper Staff\npublished: %s\n---\n", published.Add(-time.Duration(n)*time.Minute).Format(time.RFC3339))
		for words := 0; words < articleWords; {
			words += paragraph(&b, random)
		}
		b.WriteString("## Analysis\n\n### Why This Matters\n")
		paragraph(&b, random)
		name := filepath.Join(p.folder, "articles", fmt.Sprintf("article-%d.md", n))
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			return err
		}
		// zotpaper waits for what was written a moment ago: it may be half of
		// an article.
		if err := os.Chtimes(name, published, published); err != nil {
			return err
		}
	}
	return nil
}

// paragraph writes one paragraph and returns how many words it has.
func paragraph(b *strings.Builder, random *rand.Rand) int {
	const letters = "eeeeaaiioouutttnnnssrrrlldchmpgbfv"
	const words = 60
	for word := range words {
		for letter := range 2 + random.IntN(8) {
			c := letters[random.IntN(len(letters))]
			if word%12 == 0 && letter == 0 {
				c -= 'a' - 'A'
			}
			b.WriteByte(c)
		}
		if word%12 == 11 {
			b.WriteByte('.')
		}
		b.WriteByte(' ')
	}
	b.WriteString("\n\n")
	return words
}

// address returns the address of the nth reader.
func address(n int) string { return fmt.Sprintf("reader%07d@example.org", n) }

func (p *paper) writeReaders() (err error) {
	f, err := os.Create(filepath.Join(p.folder, "readers.csv"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "email,name")
	for n := range p.readers {
		fmt.Fprintf(w, "%s,Reader %d\n", address(n), n)
	}
	return w.Flush()
}
