package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that a machine without zone files knows the zones too
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/zotpaper/zotpaper/subscribers"
)

// A checker judges a configuration and completes it: paths are resolved,
// addresses and URLs brought into one form, zones, schedules and secrets
// loaded.
type checker struct {
	c       *Config
	origins map[string]origin
	found   *problems
}

// check adds to found whatever is wrong with the values of c, and completes c.
// If found stays empty, c keeps every promise of the fields' comments.
func check(c *Config, origins map[string]origin, found *problems) {
	k := &checker{c, origins, found}
	k.paths()
	k.publication()
	k.articles()
	k.slots()
	k.sender()
	k.smtp()
	k.dispatch()
	k.database()
	k.web()
	k.words()
	k.dkim()
	k.log()
}

// bad notes a problem with the value at path. The first problem of a value is
// the one that counts.
func (k *checker) bad(path, format string, args ...any) {
	if k.found.has(path) {
		return
	}
	from := k.origin(path)
	k.found.add(ConfigProblem{Line: from.line, Variable: from.variable, Key: path, Text: fmt.Sprintf(format, args...)})
}

// origin returns where the value at path was given, or else the part of the
// file that left it out.
func (k *checker) origin(path string) origin {
	for {
		if from, ok := k.origins[path]; ok {
			return from
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return origin{}
		}
		path = path[:i]
	}
}

// paths makes every path count from the folder of the configuration file.
func (k *checker) paths() {
	leaves(k.c, func(path string, key configKey, v reflect.Value) {
		if key.kind != kindPath {
			return
		}
		if strings.HasPrefix(v.String(), "~") {
			k.bad(path, "%q: ~ is not understood here; write the path out", v.String())
		}
		v.SetString(resolve(v.String(), k.c.File))
	})
}

func (k *checker) publication() {
	p := &k.c.Publication
	k.text("publication.name", p.Name, 100, true)
	k.text("publication.tagline", p.Tagline, 200, false)
	k.text("publication.address", p.Address, 300, true)
	k.url("publication.url", &p.URL)
	if tag, err := language.Parse(p.Language); err != nil || tag == language.Und {
		k.bad("publication.language", "%q is no language tag; want one such as en, de or pt-BR", p.Language)
	}
	zone, err := time.LoadLocation(p.Timezone)
	switch {
	case p.Timezone == "" || p.Timezone == "Local":
		// The paper must come out at the same time when it moves to another
		// machine.
		k.bad("publication.timezone", "%q says nothing about where; want a name such as America/Los_Angeles", p.Timezone)
	case err != nil:
		k.bad("publication.timezone", "unknown time zone %q; want a name such as America/Los_Angeles", p.Timezone)
	}
	p.Zone = zone
}

func (k *checker) articles() {
	a := k.c.Articles
	k.required("articles.folder", a.Folder)
	k.required("articles.media", a.Media)
	k.required("articles.cache", a.Cache)
	k.feeds()
	k.folder("templates", k.c.Templates)
}

// bounceLocal is how long the part of bounces.address before the @ may be. A
// mailbox has 64 bytes there, and each delivery adds a plus sign and the 50 of
// [subscribers.Keyring.Bounce].
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1
const bounceLocal = 64 - 1 - 50

func (k *checker) sender() {
	k.text("from.name", k.c.From.Name, 100, true)
	k.address("from.address", &k.c.From.Address)
	if k.c.From.ReplyTo != "" {
		k.address("from.reply_to", &k.c.From.ReplyTo)
	}
	k.address("bounces.address", &k.c.Bounces.Address)
	if local, _, _ := strings.Cut(k.c.Bounces.Address, "@"); len(local) > bounceLocal {
		k.bad("bounces.address", "want at most %d letters before the @, got %d: a token is added to them", bounceLocal, len(local))
	}
	k.editors()
}

func (k *checker) editors() {
	e := &k.c.Editors
	for i := range e.Alert {
		k.address(fmt.Sprintf("editors.alert[%d]", i), &e.Alert[i])
	}
	path := "editors.webhook"
	switch {
	case e.WebhookFile != "" && e.Webhook != "":
		k.bad("editors.webhook_file", "editors.webhook is given too; keep one of them")
		return
	case e.WebhookFile != "":
		path = "editors.webhook_file"
		e.Webhook = k.password(path, e.WebhookFile)
	}
	if e.Webhook == "" {
		return
	}
	// What it is stays out of the message: whoever has the URL can write into
	// the editors' chat.
	if !isWebhook(e.Webhook) {
		k.bad(path, "want an https URL")
	}
}

// isWebhook reports whether alerts can be posted to a URL: in clear only within
// this machine.
func isWebhook(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func (k *checker) smtp() {
	s := &k.c.SMTP
	switch {
	case s.Host == "":
		k.bad("smtp.host", "must not be empty")
	case strings.ContainsAny(s.Host, "/ @"):
		k.bad("smtp.host", "%q is no name of a server; want one such as smtp.example.com", s.Host)
	case strings.Contains(s.Host, ":") && net.ParseIP(s.Host) == nil:
		k.bad("smtp.host", "want the name alone; the port stands in smtp.port")
	}
	k.within("smtp.port", s.Port, 1, 65535)
	k.within("smtp.connections", s.Connections, 1, 256)
	k.within("smtp.rate", s.Rate, 0, 100_000)
	k.within("smtp.messages", s.Messages, 0, 1_000_000)
	k.within("smtp.weight", s.Weight, 1, maxWeight)
	k.duration("smtp.timeout", s.Timeout, time.Second, 15*time.Minute)
	k.oneOf("smtp.tls", s.TLS, "mandatory", "implicit", "none")

	if s.PasswordFile != "" && s.Password != "" {
		k.bad("smtp.password_file", "smtp.password is given too; keep one of them")
	} else if s.PasswordFile != "" {
		s.Password = k.password("smtp.password_file", s.PasswordFile)
	}
	k.relays()
	switch {
	case k.found.has("smtp.password_file"):
	case s.Username != "" && s.Password == "":
		k.bad("smtp.username", "there is no password for it; set smtp.password_file or %s", variableOf("smtp.password"))
	case s.Username == "" && s.Password != "":
		k.bad("smtp.username", "there is a password and no name to go with it")
	case s.TLS == "none" && s.Password != "" && !isLoopback(s.Host):
		k.bad("smtp.tls", "none would send the password in clear over the network; want mandatory or implicit")
	}
}

func (k *checker) dispatch() {
	k.within("dispatch.batch", k.c.Dispatch.Batch, 1, 10_000)
	k.oneOf("dispatch.on_in_doubt", k.c.Dispatch.OnInDoubt, "resend", "hold")
}

func (k *checker) database() {
	scheme, rest, _ := strings.Cut(k.c.Database, ":")
	switch scheme {
	case "sqlite":
		switch {
		case rest == "":
			k.bad("database", "no file is named; want sqlite:FILE")
		case strings.Contains(rest, ":memory:"):
			k.bad("database", "a database in memory would forget who was sent what; want sqlite:FILE")
		case strings.HasPrefix(rest, "//") || strings.ContainsAny(rest, "?~"):
			k.bad("database", "want sqlite:FILE, a plain path without slashes in front, ~ or parameters")
		}
		k.c.Database = "sqlite:" + resolve(rest, k.c.File)
	case "postgres", "postgresql":
		// The value may hold a password, so no message repeats it.
		u, err := url.Parse(k.c.Database)
		if err != nil || strings.Trim(u.Path, "/") == "" {
			k.bad("database", "want postgres://USER@HOST/NAME; a password with special characters needs them as %%XX")
		}
	default:
		k.bad("database", "want sqlite:FILE or postgres://USER@HOST/NAME")
	}
}

func (k *checker) log() {
	k.oneOf("log.level", k.c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", k.c.Log.Format, "text", "json")
}

func (k *checker) required(path, value string) {
	if strings.TrimSpace(value) == "" {
		k.bad(path, "must not be empty")
	}
}

// text checks what will be printed or stand in a header: one line, without
// control characters, of at most limit characters.
func (k *checker) text(path, value string, limit int, required bool) {
	if required {
		k.required(path, value)
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		k.bad(path, "want one line of plain text, got a line break or control character")
	}
	if n := utf8.RuneCountInString(value); n > limit {
		k.bad(path, "want at most %d characters, got %d", limit, n)
	}
}

func (k *checker) within(path string, value, least, most int) {
	if value < least || value > most {
		k.bad(path, "want %d to %d, got %d", least, most, value)
	}
}

func (k *checker) duration(path string, value, least, most time.Duration) {
	if value < least || value > most {
		k.bad(path, "want %s to %s, got %s", shortDuration(least), shortDuration(most), shortDuration(value))
	}
}

func (k *checker) oneOf(path, value string, words ...string) {
	if slices.Contains(words, value) {
		return
	}
	hint := ""
	if near := nearest(strings.ToLower(value), words); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	last := len(words) - 1
	k.bad(path, "want %s or %s, got %q%s", strings.Join(words[:last], ", "), words[last], value, hint)
}

func (k *checker) address(path string, value *string) {
	a, err := subscribers.ParseAddress(*value)
	if err != nil {
		k.bad(path, "%q is no mail address: %s", *value, strings.TrimPrefix(err.Error(), "address: "))
		return
	}
	*value = a.String()
}

// url checks the address of a web site that readers will follow: https, or
// http on this machine, where people try things out.
func (k *checker) url(path string, value *string) {
	u, err := url.Parse(*value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		k.bad(path, "%q is no address of a web site; want one such as https://paper.example", *value)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		k.bad(path, "%q: want https://...; http is for 127.0.0.1 and localhost alone", *value)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		k.bad(path, "%q: want no user, no ? and no # in it", *value)
	}
	*value = strings.TrimRight(*value, "/")
}

// isLoopback reports whether host, a name or an address, is this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
