package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
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
			"feeds, which are not read yet", "articles:\n  feeds: [https://paper.example/feed]\n",
			[]string{`config.yaml:2: articles.feeds: feeds are not read yet; leave the list empty: []`},
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
			"a port in the host", "smtp:\n  host: mail.paper.example:587\n",
			[]string{`config.yaml:2: smtp.host: want the name alone; the port stands in smtp.port`},
		},
		{
			"an unknown kind of TLS", "smtp:\n  tls: starttls\n",
			[]string{`config.yaml:2: smtp.tls: want mandatory, implicit or none, got "starttls"`},
		},
		{
			"a misspelt kind of TLS", "smtp:\n  tls: Implict\n",
			[]string{`config.yaml:2: smtp.tls: want mandatory, implicit or none, got "Implict"; did you mean implicit?`},
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

func TestSlotMistakes(t *testing.T) {
	const form = `want minute, hour, day of the month, month and day of the week, such as "0 16 * * *"`
	slot := func(lines string) string {
		return "slots:\n  - id: late\n    title: Late Edition\n" + lines
	}
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"none", "slots: []\n", []string{`config.yaml:1: slots: a paper needs at least one edition; add an entry with id, title and schedule`}},
		{"a map by name", "slots:\n  late: {title: A}\n", []string{`config.yaml:1: slots: want a list with an entry for each edition of the day, got keys with values`}},
		{"no schedule", slot(""), []string{`config.yaml:2: slots[0].schedule: ` + form}},
		{
			"nothing but a list", "slots:\n  - list: late\n",
			[]string{
				`config.yaml:2: slots[0].id: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got ""`,
				`config.yaml:2: slots[0].title: must not be empty`,
				`config.yaml:2: slots[0].schedule: ` + form,
			},
		},
		{
			"an id with a capital", "slots:\n  - id: Late\n    title: A\n    schedule: \"0 6 * * *\"\n",
			[]string{`config.yaml:2: slots[0].id: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got "Late"`},
		},
		{
			"a list's name with a blank", slot("    schedule: \"0 6 * * *\"\n    list: the late\n"),
			[]string{`config.yaml:5: slots[0].list: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got "the late"`},
		},
		{
			"an id twice", slot("    schedule: \"0 6 * * *\"\n  - {id: late, title: B, schedule: \"0 7 * * *\"}\n"),
			[]string{`config.yaml:5: slots[1].id: "late" is taken by slots[0]; each slot needs an id of its own`},
		},
		{
			"more than fit", slot("    schedule: \"0 6 * * *\"\n    minimum: 30\n"),
			[]string{`config.yaml:5: slots[0].minimum: minimum 30 is more than maximum 20: no edition could ever go out`},
		},
		{"no minimum", slot("    schedule: \"0 6 * * *\"\n    minimum: 0\n"), []string{`config.yaml:5: slots[0].minimum: want 1 to 200, got 0`}},
		{"catching up for days", slot("    schedule: \"0 6 * * *\"\n    catch_up: 48h\n"), []string{`config.yaml:5: slots[0].catch_up: want 0s to 24h, got 48h`}},
		{"expiring at once", slot("    schedule: \"0 6 * * *\"\n    expire: 0s\n"), []string{`config.yaml:5: slots[0].expire: want 1m to 120h, got 0s`}},
		{"a section twice", slot("    schedule: \"0 6 * * *\"\n    sections: [World, world]\n"), []string{`config.yaml:5: slots[0].sections[1]: "world" is in the list already`}},
		{"an unknown key", slot("    schedule: \"0 6 * * *\"\n    max: 3\n"), []string{`config.yaml:5: slots[0].max: unknown key; "zotpaper init" writes a file with every key`}},
		{"a time of day", slot("    schedule: \"16:00\"\n"), []string{`config.yaml:4: slots[0].schedule: ` + form + `; got 1 fields`}},
		{"seconds", slot("    schedule: \"0 0 16 * * *\"\n"), []string{`config.yaml:4: slots[0].schedule: ` + form + `; got 6 fields`}},
		{"a zone", slot("    schedule: \"CRON_TZ=Europe/Berlin 0 6 * * *\"\n"), []string{`config.yaml:4: slots[0].schedule: the time zone is that of the publication: set publication.timezone, and drop it here`}},
		{"a zone that makes the parser panic", slot("    schedule: \"TZ=0\"\n"), []string{`config.yaml:4: slots[0].schedule: the time zone is that of the publication: set publication.timezone, and drop it here`}},
		{"a date that does not exist", slot("    schedule: \"0 6 31 2 *\"\n"), []string{`config.yaml:4: slots[0].schedule: there is no such date: it would never go out`}},
		{"an interval", slot("    schedule: \"@every 24h\"\n"), []string{`config.yaml:4: slots[0].schedule: @every counts from the start of the program; ` + form}},
		{"every hour", slot("    schedule: \"@hourly\"\n"), []string{`config.yaml:4: slots[0].schedule: it comes round twice a day, at 00:00 and 01:00; a slot has one edition a day: make another slot`}},
		{"twice on Sundays only", slot("    schedule: \"30 6,18 * * 0\"\n"), []string{`config.yaml:4: slots[0].schedule: it comes round twice a day, at 06:30 and 18:30; a slot has one edition a day: make another slot`}},
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

func TestSecretFileMistakes(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		text  string
		files map[string]string
		want  []string
	}{
		{
			"no password file", "smtp:\n  username: u\n  password_file: pw\n", nil,
			[]string{`config.yaml:3: smtp.password_file: pw: no such file`},
		},
		{
			"both", "smtp:\n  username: u\n  password: a\n  password_file: pw\n", map[string]string{"pw": "b"},
			[]string{`config.yaml:4: smtp.password_file: smtp.password is given too; keep one of them`},
		},
		{
			"an empty password file", "smtp: {username: u, password_file: pw}\n", map[string]string{"pw": "\n"},
			[]string{`config.yaml:1: smtp.password_file: pw is empty`},
		},
		{
			"a password file of two lines", "smtp: {username: u, password_file: pw}\n", map[string]string{"pw": "a\nb\n"},
			[]string{`config.yaml:1: smtp.password_file: pw holds more than one line; want the password alone`},
		},
		{
			"no secret", "web:\n  secret_file: other secret\n", nil,
			[]string{`config.yaml:2: web.secret_file: other secret: no such file; restore it from a backup or, if nothing was sent yet, make one: (umask 077; echo "1 $(openssl rand -base64 32)" >'other secret')`},
		},
		{
			"a damaged secret", "web:\n  secret_file: s\n", map[string]string{"s": "1 x\n"},
			[]string{`config.yaml:2: web.secret_file: s:1: the secret is not base64`},
		},
		{
			"no DKIM key", "dkim:\n  selector: a\n  key_file: k\n", nil,
			[]string{`config.yaml:3: dkim.key_file: k: no such file`},
		},
		{
			"a DKIM key that is none", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": "secret"},
			[]string{`config.yaml:3: dkim.key_file: k: want a private key as PEM: no BEGIN line found`},
		},
		{
			"a short DKIM key", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": shortKey(t)},
			[]string{`config.yaml:3: dkim.key_file: k: want RSA of 2048 bits or more, got 1024`},
		},
		{
			"a DKIM key on a curve nobody verifies", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": pkcs8(t, curve)},
			[]string{`config.yaml:3: dkim.key_file: k: want an RSA or Ed25519 key`},
		},
		{
			"a selector that is no name", "dkim:\n  selector: a_b c\n  key_file: k\n", map[string]string{"k": ed25519Key(t)},
			[]string{`config.yaml:2: dkim.selector: "a_b c" is no part of a domain name`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, tt.files)
			if diff := cmp.Diff(tt.want, complaints(t, dir, config, nil)); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
		})
	}
}

// shortKey returns an RSA key that is too short for mail.
func shortKey(t *testing.T) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0") // or Go itself would refuse
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func ed25519Key(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
