package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// A Received is a message as it came over SMTP.
type Received struct {
	From string // envelope sender
	To   string // envelope recipient
	At   time.Time
	Raw  []byte
}

// A Reader is one of the sample's readers, as the ledger knows them now.
type Reader struct {
	Name    string
	Address string
	State   string // what became of their copy
	On      bool   // still subscribed
}

// A Report says what was sent.
type Report struct {
	Edition    string // Afternoon Edition, Sunday 8 February 2026
	Subject    string
	Articles   int
	Recipients int
	Sent       int
	Took       time.Duration
	Omitted    []string // articles that were left out, and why
}

// A Page is what the demo shows: the inbox with every message received, the
// readers, and what was sent. Its functions are called for each request, by
// several goroutines at once.
type Page struct {
	Prefix   string // where the handler is mounted, such as /inbox
	Messages func() []Received
	Readers  func() ([]Reader, error)
	Report   func() Report
	// Rewrite turns links to the paper's public address into links that work
	// on this machine, for showing only; the messages stay as they came.
	Rewrite func(html string) string
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

// Handler returns the page's handler. It fails only if the embedded template
// does not parse.
func (p Page) Handler() (http.Handler, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"kb": func(n int) string { return fmt.Sprintf("%.1f kB", float64(n)/1000) },
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("demo page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+p.Prefix+"/{$}", func(w http.ResponseWriter, r *http.Request) { p.show(w, r, t, 1) })
	mux.HandleFunc("GET "+p.Prefix+"/page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageCSS) // the reader may have gone
	})
	message := func(serve func(http.ResponseWriter, *http.Request, int)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.PathValue("n"))
			if err != nil || n < 1 || n > len(p.Messages()) {
				http.NotFound(w, r)
				return
			}
			serve(w, r, n)
		}
	}
	mux.HandleFunc("GET "+p.Prefix+"/{n}", message(func(w http.ResponseWriter, r *http.Request, n int) { p.show(w, r, t, n) }))
	mux.HandleFunc("GET "+p.Prefix+"/{n}/body", message(p.body))
	mux.HandleFunc("GET "+p.Prefix+"/{n}/raw", message(p.raw))
	return mux, nil
}

// An entry is a message in the list.
type entry struct {
	N       int
	Name    string
	To      string
	Subject string
	At      string
	Bytes   int
}

// A pageView is what page.html is executed with.
type pageView struct {
	Prefix   string
	Report   Report
	Messages []entry
	Readers  []Reader
	Shown    *entry // nil: nothing has come yet
	View     string // html, text or source
	Headers  []headerLine
	Content  string // of View text and source
}

type headerLine struct{ Name, Value string }

// sourceLimit bounds the source that is put on the page; the whole of it is
// one link away.
const sourceLimit = 64 << 10

func (p Page) show(w http.ResponseWriter, r *http.Request, t *template.Template, n int) {
	readers, err := p.Readers()
	if err != nil {
		http.Error(w, "The readers could not be looked up.", http.StatusInternalServerError)
		return
	}
	v := pageView{Prefix: p.Prefix, Report: p.Report(), Readers: readers, View: r.URL.Query().Get("view")}
	if v.View != "text" && v.View != "source" {
		v.View = "html"
	}
	messages := p.Messages()
	for i, m := range messages {
		v.Messages = append(v.Messages, newEntry(i+1, m))
	}
	if len(messages) > 0 {
		shown := messages[n-1]
		v.Shown = &v.Messages[n-1]
		parsed := parse(shown.Raw)
		v.Headers = parsed.headers
		switch v.View {
		case "text":
			v.Content = parsed.text
		case "source":
			v.Content = string(shown.Raw[:min(len(shown.Raw), sourceLimit)])
		}
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the reader may have gone
}

// body serves the HTML part by itself, for the frame in which the page shows
// it: no script, pictures from this machine only.
func (p Page) body(w http.ResponseWriter, _ *http.Request, n int) {
	page := parse(p.Messages()[n-1].Raw).html
	if p.Rewrite != nil {
		page = p.Rewrite(page)
	}
	// A link out of the mail leaves the frame; one within it does not.
	page = strings.ReplaceAll(page, ` href="http`, ` target="_top" href="http`)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(page)) // the reader may have gone
}

func (p Page) raw(w http.ResponseWriter, _ *http.Request, n int) {
	h := w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="message-%d.eml"`, n))
	_, _ = w.Write(p.Messages()[n-1].Raw) // the reader may have gone
}

func newEntry(n int, m Received) entry {
	e := entry{N: n, To: m.To, Name: m.To, At: m.At.Format("15:04:05"), Bytes: len(m.Raw)}
	msg, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return e
	}
	var decoder mime.WordDecoder
	if subject, err := decoder.DecodeHeader(msg.Header.Get("Subject")); err == nil {
		e.Subject = subject
	}
	if to, err := msg.Header.AddressList("To"); err == nil && len(to) == 1 && to[0].Name != "" {
		e.Name = to[0].Name
	}
	return e
}

// A parsedMail is a message taken apart.
type parsedMail struct {
	headers    []headerLine // as they came, unfolded
	text, html string
}

// parse takes a message apart. What cannot be read stays empty: the source is
// shown as it came whatever happens here.
func parse(raw []byte) parsedMail {
	var p parsedMail
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if n := len(p.headers); n > 0 && strings.HasPrefix(line, " ") {
			p.headers[n-1].Value += line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		p.headers = append(p.headers, headerLine{name, strings.TrimSpace(value)})
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return p
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return p
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return p
		}
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return p
		}
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			p.text = string(content)
		case "text/html":
			p.html = string(content)
		}
	}
}
