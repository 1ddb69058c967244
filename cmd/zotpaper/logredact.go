package main

import (
	"fmt"
	"log/slog"
	"regexp"
)

// A redactor takes readers' addresses and links out of what is logged. Nobody
// means to log one; but mail servers repeat the address they refuse, and an
// error may quote the page it arose on.
type redactor struct {
	address *regexp.Regexp
	link    *regexp.Regexp
}

func newRedactor() redactor {
	return redactor{
		address: regexp.MustCompile(`(?i)(?:"[^"\r\n]{1,80}"|[^\s<>"'(),;:\[\]\\/]+)(?:@|%40)([a-z0-9.-]*)`),
		link:    regexp.MustCompile(`(/(?:u|confirm|preferences)/|[?&]key=)[A-Za-z0-9_-]+`),
	}
}

// text returns s without addresses and links. The domain of an address stays:
// an operator needs it, and it names nobody.
func (r redactor) text(s string) string {
	return r.link.ReplaceAllString(r.address.ReplaceAllString(s, "…@$1"), "${1}…")
}

// replace is the ReplaceAttr of a log's handler.
func (r redactor) replace(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(r.text(a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(r.text(v.Error()))
		case fmt.Stringer:
			a.Value = slog.StringValue(r.text(v.String()))
		case []string:
			texts := make([]string, len(v))
			for i, s := range v {
				texts[i] = r.text(s)
			}
			a.Value = slog.AnyValue(texts)
		}
	}
	return a
}
