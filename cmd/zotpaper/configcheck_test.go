package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/subscribers"
)

// paperFolder returns a folder with the configuration text, a secret, and the
// further files given, and the name of the configuration in it.
func paperFolder(t *testing.T, text string, files map[string]string) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := subscribers.LoadKeyring(filepath.Join(dir, "zotpaper.secret"), true); err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, config
}

// complaints returns what loadConfig says about config, a line each, with file
// names as seen from dir.
func complaints(t *testing.T, dir, config string, environ []string) []string {
	t.Helper()
	_, err := loadConfig(config, environ)
	if err == nil {
		return nil
	}
	var broken *ConfigError
	if !errors.As(err, &broken) {
		t.Fatalf("loadConfig: got error %q of type %T, want a *ConfigError", err, err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
}

// TestConfigFileMistakes has one mistake an operator makes in each file, and
// what the operator reads.
func TestConfigFileMistakes(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{
			"a key misspelt", "publication:\n  timezon: UTC\n",
			[]string{`config.yaml:2: publication.timezon: unknown key; did you mean "timezone"?`},
		},
		{
			"a key in capitals", "Publication: {name: A}\n",
			[]string{`config.yaml:1: Publication: unknown key; did you mean "publication"?`},
		},
		{
			"a key with a hyphen", "from:\n  reply-to: a@b.example\n",
			[]string{`config.yaml:2: from.reply-to: unknown key; did you mean "reply_to"?`},
		},
		{
			"a key in the wrong section", "\ntimezone: UTC\n",
			[]string{`config.yaml:2: timezone: unknown key; did you mean "publication.timezone"?`},
		},
		{
			"a slot's key outside the slots", "catch_up: 2h\n",
			[]string{`config.yaml:1: catch_up: unknown key; did you mean "slots: - catch_up"?`},
		},
		{
			"a key like no other", "colour: red\n",
			[]string{`config.yaml:1: colour: unknown key; "zotpaper init" writes a file with every key`},
		},
		{
			"a key twice", "smtp:\n  port: 25\n  host: a.example\n  port: 26\n",
			[]string{`config.yaml:4: smtp.port: given twice, first in line 2; keep one`},
		},
		{
			"a section twice", "log: {level: info}\nweb: {}\nlog: {format: json}\n",
			[]string{`config.yaml:3: log: given twice, first in line 1; keep one`},
		},
		{
			"a port with a leading zero", "smtp: {port: 0587}\n",
			[]string{`config.yaml:1: smtp.port: want a whole number, got 0587`},
		},
		{
			"a port in quotes", "smtp: {port: \"587\"}\n",
			[]string{`config.yaml:1: smtp.port: want a whole number, got "587" in quotes`},
		},
		{
			"a port out of range", "smtp: {port: 70000}\n",
			[]string{`config.yaml:1: smtp.port: want 1 to 65535, got 70000`},
		},
		{
			"a password YAML takes for a number is not repeated", "smtp: {username: u, password: 0123}\n",
			[]string{
				`config.yaml:1: smtp.password: want a text: put quotes around it, got something else`,
				`config.yaml:1: smtp.username: there is no password for it; set smtp.password_file or ZOTPAPER_SMTP_PASSWORD`,
			},
		},
		{
			"a name YAML takes for a number", "publication:\n  name: 1.10\n",
			[]string{`config.yaml:2: publication.name: want a text: put quotes around it, got 1.10`},
		},
		{
			"a text without a value", "publication:\n  tagline:\n",
			[]string{`config.yaml:2: publication.tagline: want a text ("" for an empty one), got nothing`},
		},
		{
			"yes for true", "smtp: {pipelining: yes}\n",
			[]string{`config.yaml:1: smtp.pipelining: want true or false, got yes`},
		},
		{
			"a duration without a unit", "smtp: {timeout: 5}\n",
			[]string{`config.yaml:1: smtp.timeout: want a length of time with its unit, such as 30s, 5m or 24h, got 5`},
		},
		{
			"a duration in days", "smtp: {timeout: 1d}\n",
			[]string{`config.yaml:1: smtp.timeout: want a length of time with its unit, such as 30s, 5m or 24h, got 1d`},
		},
		{
			"a duration out of range", "smtp: {timeout: -5m}\n",
			[]string{`config.yaml:1: smtp.timeout: want 1s to 15m, got -5m`},
		},
		{
			"a text for a section", "smtp: localhost\n",
			[]string{`config.yaml:1: smtp: want keys with values, such as "host: ...", got localhost`},
		},
		{
			"a list for the file", "- smtp\n- web\n",
			[]string{`config.yaml:1: want keys with values, such as "publication: ...", got a list`},
		},
		{
			"a section for a text", "database: {file: x.db}\n",
			[]string{`config.yaml:1: database: want a text ("" for an empty one), got keys with values`},
		},
		{
			"a text for a list", "editors:\n  alert: desk@paper.example\n",
			[]string{`config.yaml:2: editors.alert: want a list, such as [first, second]; [] is the empty list, got desk@paper.example`},
		},
		{
			"a number in a list", "editors:\n  alert:\n    - a@b.example\n    - 12\n",
			[]string{`config.yaml:4: editors.alert[1]: want a text: put quotes around it, got 12`},
		},
		{
			"an alias", "from: &f {name: A}\nbounces: *f\n",
			[]string{
				`config.yaml:1: from: want keys with values, such as "name: ...", got an anchor or alias (& or *), which is not read here; a text that begins like this needs quotes`,
				`config.yaml:2: bounces: want keys with values, such as "address: ...", got an anchor or alias (& or *), which is not read here; a text that begins like this needs quotes`,
			},
		},
		{
			"a merge key", "web:\n  <<: {listen: a}\n",
			[]string{`config.yaml:2: merge keys (<<) are not read here; write the keys out`},
		},
		{
			"a tab", "smtp:\n\thost: a.example\n",
			[]string{`config.yaml:2: not YAML: indent with blanks, not with a tab`},
		},
		{
			"a colon in a text", "publication:\n  tagline: News: without noise\n",
			[]string{`config.yaml:2: not YAML: a text that holds ": " needs quotes around it`},
		},
		{
			"a quote left open", "publication:\n  name: \"Zotpaper\n",
			[]string{`config.yaml:2: not YAML: a closing quote is missing`},
		},
		{
			"wrong indentation", "smtp:\n  host: a.example\n port: 25\n",
			[]string{`config.yaml:3: not YAML: the indentation does not fit the lines above`},
		},
		{
			"two documents", "---\nlog: {level: info}\n---\nweb: {}\n",
			[]string{`config.yaml:4: a second document begins here; keep one, without lines of ---`},
		},
		{
			"latin-1", "publication:\n  name: Caf\xe9\n",
			[]string{`config.yaml:2: this line is not UTF-8: save the file as UTF-8`},
		},
		{
			"an unknown zone", "publication:\n  timezone: Europe/Berlim\n",
			[]string{`config.yaml:2: publication.timezone: unknown time zone "Europe/Berlim"; want a name such as America/Los_Angeles`},
		},
		{
			"the machine's zone", "publication:\n  timezone: Local\n",
			[]string{`config.yaml:2: publication.timezone: "Local" says nothing about where; want a name such as America/Los_Angeles`},
		},
		{
			"a language that is none", "publication: {language: german}\n",
			[]string{`config.yaml:1: publication.language: "german" is no language tag; want one such as en, de or pt-BR`},
		},
		{
			"no postal address", "publication: {address: \"\"}\n",
			[]string{`config.yaml:1: publication.address: must not be empty`},
		},
		{
			"a name of two lines", "publication:\n  name: |\n    One\n    Two\n",
			[]string{`config.yaml:2: publication.name: want one line of plain text, got a line break or control character`},
		},
		{
			"http for readers", "web:\n  url: http://paper.example\n",
			[]string{`config.yaml:2: web.url: "http://paper.example": want https://...; http is for 127.0.0.1 and localhost alone`},
		},
		{
			"a URL without a scheme", "web:\n  url: paper.example\n",
			[]string{`config.yaml:2: web.url: "paper.example" is no address of a web site; want one such as https://paper.example`},
		},
		{
			"a URL with a query", "publication:\n  url: https://paper.example/?a=b\n",
			[]string{`config.yaml:2: publication.url: "https://paper.example/?a=b": want no user, no ? and no # in it`},
		},
		{
			"a feed that is no list", "articles:\n  feeds: https://wire.example/feed\n",
			[]string{`config.yaml:2: articles.feeds: want a list of addresses, such as [https://wire.example/feed.xml]; [] is the empty list, got https://wire.example/feed`},
		},
		{
			"feeds at no addresses", "articles:\n  feeds:\n    - wire\n    - ftp://wire.example/\n    - https:///feed\n    - {section: World}\n",
			[]string{
				`config.yaml:3: articles.feeds[0]: want the address of a feed, such as https://wire.example/feed.xml`,
				`config.yaml:4: articles.feeds[1]: want the address of a feed, such as https://wire.example/feed.xml`,
				`config.yaml:5: articles.feeds[2]: want the address of a feed, such as https://wire.example/feed.xml`,
				`config.yaml:6: articles.feeds[3]: want the address of a feed, such as https://wire.example/feed.xml`,
			},
		},
		{
			"feeds at addresses that are not asked", "articles:\n  feeds:\n    - https://a:b@wire.example/\n    - https://wire.example/#a\n    - url: http://wire.example:8080/?key=hush\n",
			[]string{
				`config.yaml:3: articles.feeds[0]: want no user in the address; feeds that ask for a login are not read`,
				`config.yaml:4: articles.feeds[1]: want no # in the address`,
				`config.yaml:5: articles.feeds[2]: the port 8080 is for hosts of your own; put wire.example into articles.private_hosts if it is one`,
			},
		},
		{
			"a feed twice", "articles:\n  feeds:\n    - https://wire.example/\n    - url: https://wire.example/\n",
			[]string{`config.yaml:4: articles.feeds[1]: it is articles.feeds[0] already; keep one`},
		},
		{
			"a feed's key that is none", "articles:\n  feeds:\n    - url: https://wire.example/\n      fulltext: true\n",
			[]string{`config.yaml:4: articles.feeds[0].fulltext: unknown key; did you mean "full_text"?`},
		},
		{
			"a feed's value of another kind", "articles:\n  feeds:\n    - url: https://wire.example/\n      full_text: maybe\n    - 17\n",
			[]string{
				`config.yaml:4: articles.feeds[0].full_text: want true or false, got maybe`,
				`config.yaml:5: articles.feeds[1]: want an address, or url: with section: and full_text: below it, got 17`,
			},
		},
		{
			"private hosts that are no names", "articles:\n  private_hosts: [\"https://cms.example\", \"cms.example:80\", \"*.example\", \"\"]\n",
			[]string{
				`config.yaml:2: articles.private_hosts[0]: "https://cms.example" is no name of a host; want one such as cms.paper.example, without scheme and port`,
				`config.yaml:2: articles.private_hosts[1]: "cms.example:80" is no name of a host; want one such as cms.paper.example, without scheme and port`,
				`config.yaml:2: articles.private_hosts[2]: "*.example" is no name of a host; want one such as cms.paper.example, without scheme and port`,
				`config.yaml:2: articles.private_hosts[3]: "" is no name of a host; want one such as cms.paper.example, without scheme and port`,
			},
		},
		{
			"a home folder", "articles:\n  folder: ~/articles\n",
			[]string{`config.yaml:2: articles.folder: "~/articles": ~ is not understood here; write the path out`},
		},
		{
			"templates that are not there", "templates: mine\n",
			[]string{`config.yaml:1: templates: mine: no such folder`},
		},
		{
			"an address without @", "from:\n  address: edition\n",
			[]string{`config.yaml:2: from.address: "edition" is no mail address: there is no @`},
		},
		{
			"an address with a name", "editors:\n  alert: [Desk <desk@paper.example>]\n",
			[]string{`config.yaml:2: editors.alert[0]: "Desk <desk@paper.example>" is no mail address: there is a blank in it`},
		},
		{
			"a bounce address that leaves no room for the token", "bounces:\n  address: returned-letters@paper.example\n",
			[]string{`config.yaml:2: bounces.address: want at most 13 letters before the @, got 16: a token is added to them`},
		},
		{
			"a port in the host", "smtp:\n  host: mail.paper.example:587\n",
			[]string{`config.yaml:2: smtp.host: want the name alone; the port stands in smtp.port`},
		},
		{
			"an unknown kind of TLS", "smtp:\n  tls: starttls\n",
			[]string{`config.yaml:2: smtp.tls: want mandatory, implicit or none, got "starttls"`},
		},
		{
			"a misspelt kind of TLS", "smtp:\n  tls: Implicitt\n",
			[]string{`config.yaml:2: smtp.tls: want mandatory, implicit or none, got "Implicitt"; did you mean implicit?`},
		},
		{
			"a password in clear", "smtp: {host: mail.paper.example, tls: none, username: u, password: p}\n",
			[]string{`config.yaml:1: smtp.tls: none would send the password in clear over the network; want mandatory or implicit`},
		},
		{
			"a password without a user", "smtp:\n  password: p\n",
			[]string{`config.yaml:1: smtp.username: there is a password and no name to go with it`},
		},
		{
			"a journal key of the wrong word", "dispatch: {on_in_doubt: ask}\n",
			[]string{`config.yaml:1: dispatch.on_in_doubt: want resend or hold, got "ask"`},
		},
		{
			"a database of another kind", "database: mysql://u:p@h/n\n",
			[]string{`config.yaml:1: database: want sqlite:FILE or postgres://USER@HOST/NAME`},
		},
		{
			"a database's password is not repeated", "database: \"postgres://u:p%zz@h/n\"\n",
			[]string{`config.yaml:1: database: want postgres://USER@HOST/NAME; a password with special characters needs them as %XX`},
		},
		{
			"a database in memory", "database: \"sqlite::memory:\"\n",
			[]string{`config.yaml:1: database: a database in memory would forget who was sent what; want sqlite:FILE`},
		},
		{
			"an address to listen on without a port", "web: {listen: localhost}\n",
			[]string{`config.yaml:1: web.listen: want ADDRESS:PORT, such as 127.0.0.1:8080 or :8080, got "localhost"`},
		},
		{
			"no secret named", "web: {secret_file: \"\"}\n",
			[]string{`config.yaml:1: web.secret_file: must not be empty: it signs the links in mails`},
		},
		{
			"a selector without a key", "dkim:\n  selector: news\n",
			[]string{`config.yaml:1: dkim.key_file: must not be empty: dkim.selector is given`},
		},
		{
			"a key without a selector", "dkim:\n  key_file: dkim.pem\n",
			[]string{`config.yaml:2: dkim.key_file: there is no dkim.selector to go with it`},
		},
		{
			"all mistakes at once, in the order of the file",
			"publication:\n  timezone: Moon\n  nam: A\nsmtp:\n  port: 0\n  tls: maybe\nlog:\n  level: loud\n",
			[]string{
				`config.yaml:2: publication.timezone: unknown time zone "Moon"; want a name such as America/Los_Angeles`,
				`config.yaml:3: publication.nam: unknown key; did you mean "name"?`,
				`config.yaml:5: smtp.port: want 1 to 65535, got 0`,
				`config.yaml:6: smtp.tls: want mandatory, implicit or none, got "maybe"`,
				`config.yaml:8: log.level: want debug, info, warn or error, got "loud"`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, nil)
			if diff := cmp.Diff(tt.want, complaints(t, dir, config, nil)); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBounceTokenFits keeps the bound of bounces.address and the tokens in step.
func TestBounceTokenFits(t *testing.T) {
	_, config := paperFolder(t, "", nil)
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := c.Web.Keyring.Bounce("aaaaaaaaaaaaaaaa", "2026-02-08/afternoon")
	if got := bounceLocal + len("+") + len(token); got != 64 {
		t.Errorf("the longest bounce address has %d bytes before the @, want 64", got)
	}
}
