package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zotpaper/zotpaper/words"
)

// warnings returns what is allowed in c and probably not meant. Each names the
// key first.
func warnings(c *Config) []string {
	found := []string{} // a list also if it is empty, for JSON
	warn := func(key, format string, args ...any) {
		found = append(found, key+": "+fmt.Sprintf(format, args...))
	}
	for _, v := range []struct{ key, value string }{
		{"publication.url", c.Publication.URL},
		{"from.address", c.From.Address},
		{"from.reply_to", c.From.ReplyTo},
		{"bounces.address", c.Bounces.Address},
		{"web.url", c.Web.URL},
		{"editors.alert", strings.Join(c.Editors.Alert, ", ")},
	} {
		// Nobody can own a name under .example, so it is never meant.
		// https://www.rfc-editor.org/rfc/rfc2606#section-2
		if strings.HasSuffix(v.value, ".example") {
			warn(v.key, "%s is the example's; put in your own", v.value)
		}
	}
	if base, _, _ := strings.Cut(c.Publication.Language, "-"); base != words.English && c.Words != nil && c.Words.Language == words.English {
		warn("publication.language", "there is no words.%s.yaml among the templates: the pages and notices speak English", c.Publication.Language)
	}
	switch s := c.SMTP; {
	case s.Port == 465 && s.TLS != "implicit":
		warn("smtp.tls", "port 465 speaks TLS from the first byte; want implicit")
	case (s.Port == 25 || s.Port == 587) && s.TLS == "implicit":
		warn("smtp.tls", "port %d begins in clear; want mandatory", s.Port)
	case s.TLS == "none" && !isLoopback(s.Host):
		warn("smtp.tls", "addresses and articles travel in clear")
	}
	if c.DKIM.Selector != "" && !aligned(c.From.Address, c.DKIM.Domain) {
		// https://www.rfc-editor.org/rfc/rfc7489#section-3.1.1
		warn("dkim.domain", "%s does not match the domain of from.address; receivers that check DMARC will not accept the signature", c.DKIM.Domain)
	}
	if len(c.Editors.Alert) == 0 && c.Editors.Webhook == "" {
		warn("editors.alert", "nobody is told when an edition is held or missed")
	}
	if info, err := os.Stat(c.Articles.Folder); err != nil || !info.IsDir() {
		warn("articles.folder", "there is no folder %s yet", c.Articles.Folder)
	}
	if len(c.Articles.Feeds) > 0 {
		if err := writableFolder(existing(c.Articles.Cache)); err != nil {
			warn("articles.cache", "%s", err)
		}
	}
	if err := writableFolder(existing(c.journal())); err != nil {
		warn("dispatch.journal", "%s", err)
	}
	if c.Web.Keyring != nil && c.Web.Keyring.Exposed() {
		warn("web.secret_file", "others on this machine can read it; chmod 600 %s", shellQuote(c.Web.SecretFile))
	}
	return found
}

// existing returns folder, or the nearest one above it that is there: that is
// where it would be made.
func existing(folder string) string {
	for {
		_, err := os.Stat(folder)
		above := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || above == folder {
			return folder
		}
		folder = above
	}
}

// writableFolder fails if no file can be made in folder. It leaves none behind.
func writableFolder(folder string) error {
	f, err := os.CreateTemp(folder, ".writable-*")
	if err != nil {
		return fmt.Errorf("cannot write to the folder %s: %w", folder, withoutPath(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// withoutPath returns what is wrong without the name of the file.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// aligned reports whether the domain of address is domain or lies in it, or
// the other way round.
func aligned(address, domain string) bool {
	_, from, _ := strings.Cut(strings.ToLower(address), "@")
	domain = strings.ToLower(domain)
	return from == domain || strings.HasSuffix(from, "."+domain) || strings.HasSuffix(domain, "."+from)
}
