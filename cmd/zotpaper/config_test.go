package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper"
)

// yamlKey matches a line of config.yaml that holds a key, also as the first of
// a list's item.
var yamlKey = regexp.MustCompile(`^( *)(- )?([a-z_]+):`)

// TestConfigFileAndStructsAgree keeps config.yaml and the structs in step:
// every key of the one is in the other, in the same order.
func TestConfigFileAndStructsAgree(t *testing.T) {
	var inFile, inStructs []string
	var sections []string // the keys above and at a line
	for line := range strings.Lines(string(zotpaper.ConfigYAML)) {
		m := yamlKey.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		depth := len(m[1]+m[2]) / 2
		if depth == 2 && sections[0] == "slots" {
			depth = 1 // for the hyphen
		}
		sections = append(sections[:depth], m[3])
		inFile = append(inFile, strings.Join(sections, "."))
	}
	var walk func(prefix string, v reflect.Type)
	walk = func(prefix string, v reflect.Type) {
		for _, k := range keysOf(v) {
			inStructs = append(inStructs, prefix+k.name)
			switch k.shape {
			case aSection:
				walk(prefix+k.name+".", k.typ)
			case slotList:
				walk(prefix+k.name+".", k.typ.Elem())
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	if diff := cmp.Diff(inStructs, inFile); diff != "" {
		t.Errorf("keys of the structs (-) and of config.yaml (+) differ:\n%s", diff)
	}
}

// TestConfigFileExplainsEveryKey wants a comment above every key.
func TestConfigFileExplainsEveryKey(t *testing.T) {
	before, keys := "", 0
	for line := range strings.Lines(string(zotpaper.ConfigYAML)) {
		if yamlKey.MatchString(line) {
			keys++
			if !strings.HasPrefix(strings.TrimSpace(before), "# ") {
				t.Errorf("config.yaml: no comment above %q", strings.TrimSpace(line))
			}
		}
		if len(line) > 81 {
			t.Errorf("config.yaml: longer than 80 columns: %q", line)
		}
		before = line
	}
	if keys < 50 {
		t.Errorf("config.yaml: found only %d keys; is the test blind?", keys)
	}
}

// TestDefaults loads config.yaml as "zotpaper init" writes it, and an empty
// file; both must give the same, and must be right as they are.
func TestDefaults(t *testing.T) {
	var configs []configFact
	for _, text := range []string{string(zotpaper.ConfigYAML), "", "# nothing\n", "smtp:\n\nweb: {}\n", "\ufeff"} {
		_, config := paperFolder(t, text, nil)
		c, err := loadConfig(config, nil)
		if err != nil {
			t.Fatalf("loadConfig of %.20q...: %v", text, err)
		}
		c.File = ""
		configs = append(configs, configFact{c})
	}
	for _, c := range configs[1:] {
		want, got := configs[0].tree(), c.tree()
		if diff := cmp.Diff(unrooted(t, want), unrooted(t, got)); diff != "" {
			t.Errorf("a file that leaves keys out differs from config.yaml (-config.yaml +other):\n%s", diff)
		}
	}
	c := configs[0].c
	if got := c.Slots[0].CatchUp; got != 2*time.Hour {
		t.Errorf("slots[0].catch_up: got %v, want 2h", got)
	}
	from := time.Date(2026, time.February, 8, 12, 0, 0, 0, time.UTC)
	if got, want := c.Slots[0].Cron.Next(from), from.Add(4*time.Hour); !got.Equal(want) {
		t.Errorf("slots[0].schedule: next after %v is %v, want %v", from, got, want)
	}
	if c.Publication.Zone != time.UTC {
		t.Errorf("publication zone: got %v, want UTC", c.Publication.Zone)
	}
	if c.Web.Keyring == nil {
		t.Error("web.secret_file: no keyring was loaded")
	}
}

// unrooted returns tree as YAML without the folder of the test.
func unrooted(t *testing.T, tree yaml.MapSlice) string {
	t.Helper()
	text, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(regexp.QuoteMeta(filepath.Clean(os.TempDir()))+`/\S*/`).ReplaceAllString(string(text), "")
}

func TestEnvironmentOverrides(t *testing.T) {
	_, config := paperFolder(t, "smtp: {host: a.example, port: 25, username: u}\nweb: {listen: \":80\"}\n", nil)
	c, err := loadConfig(config, []string{
		"HOME=/root",
		"ZOTPAPER_SMTP_PASSWORD=0123 #x",
		"ZOTPAPER_SMTP_PORT=2525",
		"ZOTPAPER_SMTP_TIMEOUT=90s",
		"ZOTPAPER_SMTP_PIPELINING=false",
		"ZOTPAPER_PUBLICATION_TAGLINE=",
		"ZOTPAPER_EDITORS_ALERT=a@paper.example, b@paper.example",
		"ZOTPAPER_DATABASE=postgres://u@h/n",
		"ZOTPAPER_ARTICLES_FOLDER=news",
		"ZOTPAPER_ARTICLES_FEEDS=https://a.example/, http://b.example:8080/",
		"ZOTPAPER_ARTICLES_PRIVATE_HOSTS=b.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.SMTP.Host, c.SMTP.Port, c.SMTP.Password, c.SMTP.Timeout, c.SMTP.Pipelining, c.Publication.Tagline,
		c.Editors.Alert, c.Database, c.Articles.Folder, c.Web.Listen, c.Slots[0].ID, c.Articles.Feeds, c.Articles.PrivateHosts,
	}
	want := []any{
		"a.example", 2525, "0123 #x", 90 * time.Second, false, "",
		[]string{"a@paper.example", "b@paper.example"}, "postgres://u@h/n",
		filepath.Join(filepath.Dir(config), "news"), ":80", "afternoon",
		[]FeedConfig{{URL: "https://a.example/", FullText: true}, {URL: "http://b.example:8080/", FullText: true}}, []string{"b.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("loadConfig with variables (-want +got):\n%s", diff)
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		want    []string
	}{
		{"a misspelt variable", []string{"ZOTPAPER_SMTP_PASWORD=x"}, []string{`ZOTPAPER_SMTP_PASWORD: unknown variable; did you mean ZOTPAPER_SMTP_PASSWORD?`}},
		{"a variable like no other", []string{"ZOTPAPER_DEBUG=1"}, []string{`ZOTPAPER_DEBUG: unknown variable; unset it, or name a key: smtp.password is ZOTPAPER_SMTP_PASSWORD`}},
		{"slots are no variable", []string{"ZOTPAPER_SLOTS=x"}, []string{`ZOTPAPER_SLOTS: unknown variable; unset it, or name a key: smtp.password is ZOTPAPER_SMTP_PASSWORD`}},
		{"a wrong type", []string{"ZOTPAPER_SMTP_PORT=0587"}, []string{`ZOTPAPER_SMTP_PORT: smtp.port: want a whole number, got "0587"`}},
		{"a wrong value", []string{"ZOTPAPER_SMTP_TLS=off"}, []string{`ZOTPAPER_SMTP_TLS: smtp.tls: want mandatory, implicit or none, got "off"`}},
		{"an address in a list", []string{"ZOTPAPER_EDITORS_ALERT=a"}, []string{`ZOTPAPER_EDITORS_ALERT: editors.alert[0]: "a" is no mail address: there is no @`}},
		{"tests and Kubernetes use the prefix too", []string{"ZOTPAPER_NO_SKIP=1", "ZOTPAPER_PORT=tcp://10.0.0.1:80", "ZOTPAPER_PORT_80_TCP=x", "ZOTPAPER_SERVICE_HOST=10.0.0.1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, "", nil)
			if diff := cmp.Diff(tt.want, complaints(t, dir, config, tt.environ)); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFeedsInConfig(t *testing.T) {
	_, config := paperFolder(t, "articles:\n  private_hosts: [CMS.example.]\n  feeds:\n    - https://wire.example/feed\n"+
		"    - url: http://cms.example:8080/\n      section: World\n      full_text: false\n    - {url: \"https://b.example/\"}\n", nil)
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []FeedConfig{
		{URL: "https://wire.example/feed", FullText: true}, {URL: "http://cms.example:8080/", Section: "World"}, {URL: "https://b.example/", FullText: true},
	}
	if diff := cmp.Diff(want, c.Articles.Feeds); diff != "" {
		t.Errorf("articles.feeds (-want +got):\n%s", diff)
	}
	if got, want := c.Articles.Cache, filepath.Join(filepath.Dir(config), "cache"); got != want {
		t.Errorf("articles.cache: got %q, want %q", got, want)
	}
}

// TestVariablesAreUnambiguous wants no two keys to share a variable, and none
// to be taken for somebody else's.
func TestVariablesAreUnambiguous(t *testing.T) {
	seen := map[string]string{}
	leaves(new(Config), func(path string, _ configKey, _ reflect.Value) {
		name := variableOf(path)
		if seen[name] != "" || foreignVariable(name) {
			t.Errorf("variable %s of %s is taken by %q", name, path, seen[name])
		}
		seen[name] = path
	})
}

func TestSlotsReplaceTheDefault(t *testing.T) {
	_, config := paperFolder(t, "slots:\n  - {id: morning, title: Morning, schedule: \"30 6 * * 1-5\"}\n"+
		"  - {id: sunday, title: Sunday, schedule: \"0 9 * * 0\", list: weekend, sections: [Books], minimum: 1, catch_up: 0s}\n", nil)
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Slots {
		c.Slots[i].Cron = nil
	}
	want := []SlotConfig{
		{ID: "morning", Title: "Morning", Schedule: "30 6 * * 1-5", List: "morning", Minimum: 3, Maximum: 20, CatchUp: 2 * time.Hour, Expire: 20 * time.Hour},
		{ID: "sunday", Title: "Sunday", Schedule: "0 9 * * 0", List: "weekend", Sections: []string{"Books"}, Minimum: 1, Maximum: 20, Expire: 20 * time.Hour},
	}
	if diff := cmp.Diff(want, c.Slots); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}

	if _, err := c.Slot(""); err == nil || err.Error() != "there are several slots; name one with --slot: morning, sunday" {
		t.Errorf(`Slot(""): got error %v`, err)
	}
	if s, err := c.Slot("sunday"); err != nil || s.List != "weekend" {
		t.Errorf(`Slot("sunday"): got %+v, %v`, s, err)
	}
	if _, err := c.Slot("noon"); err == nil || !strings.HasPrefix(err.Error(), `no slot "noon" in `) {
		t.Errorf(`Slot("noon"): got error %v`, err)
	}
}

func TestPathsCountFromTheFile(t *testing.T) {
	dir, config := paperFolder(t, "articles: {folder: news, media: /srv/media}\ndatabase: sqlite:data/z.db\n"+
		"smtp: {username: u, password_file: pw}\ndkim: {selector: s, key_file: k}\n"+
		"web: {url: http://127.0.0.1:8080/, secret_file: zotpaper.secret}\n",
		map[string]string{"pw": " 0123 \r\n", "k": ed25519Key(t)})
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Articles.Folder, c.Articles.Media, c.Database, c.SMTP.PasswordFile, c.SMTP.Password, c.DKIM.Domain, c.Web.URL, c.Templates}
	want := []string{
		filepath.Join(dir, "news"), "/srv/media", "sqlite:" + filepath.Join(dir, "data/z.db"), filepath.Join(dir, "pw"),
		" 0123 ", "news.zotpaper.example", "http://127.0.0.1:8080", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths and secrets (-want +got):\n%s", diff)
	}
	if len(c.DKIM.Key) == 0 {
		t.Error("dkim.key_file: the key was not loaded")
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir, config := paperFolder(t, strings.Repeat("# log line\n", maxConfigBytes/10), nil)
	if _, err := loadConfig(config, nil); err == nil || !strings.Contains(err.Error(), "larger than 256 KiB") {
		t.Errorf("loadConfig of a large file: got error %v", err)
	}
	if _, err := loadConfig(filepath.Join(dir, "none.yaml"), nil); err == nil || !strings.HasSuffix(err.Error(), `none.yaml: no such file; "zotpaper init" writes one, --config names another`) {
		t.Errorf("loadConfig of no file: got error %v", err)
	}
	if _, err := loadConfig(dir, nil); err == nil {
		t.Error("loadConfig of a folder: got no error")
	}
}

func TestAtMostTwentyProblems(t *testing.T) {
	var text strings.Builder
	for i := range 25 {
		fmt.Fprintf(&text, "key%02d: 1\n", i)
	}
	dir, config := paperFolder(t, text.String(), nil)
	lines := complaints(t, dir, config, nil)
	if len(lines) != maxProblems+1 || lines[maxProblems] != "config.yaml: and 5 more" {
		t.Errorf("got %d lines, the last %q; want %d and \"config.yaml: and 5 more\"", len(lines), lines[len(lines)-1], maxProblems+1)
	}
}

// TestShownConfigLoads wants "config show" to print a file that means the same.
func TestShownConfigLoads(t *testing.T) {
	_, config := paperFolder(t, "publication: {name: \"0123\", tagline: \"yes: no # 'x'\", address: \"- 1\"}\n"+
		"slots: [{id: a, title: \"true\", schedule: \"0 6 * * *\", sections: [\"1.10\", \"null\"]}]\n"+
		"articles: {feeds: [\"https://wire.example/?a=1\", {url: \"http://[::1]:8080/\", section: \"no\", full_text: false}], private_hosts: [CMS.example., \"::1\"]}\n"+
		"smtp: {username: \"~\", password_file: pw}\n", map[string]string{"pw": "hush"})
	before, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := (configFact{before}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "hush") {
		t.Errorf("config show prints the password:\n%s", text.String())
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := loadConfig(config, nil)
	if err != nil {
		t.Fatalf("loadConfig of what config show printed: %v\n%s", err, text.String())
	}
	if diff := cmp.Diff(configFact{before}.tree(), configFact{after}.tree()); diff != "" {
		t.Errorf("config show, loaded again (-before +after):\n%s", diff)
	}
}

func TestShownConfigHidesPasswords(t *testing.T) {
	tests := []struct{ database, want string }{
		{"sqlite:/a/b.db", "sqlite:/a/b.db"},
		{"postgres://u:hush@h:5432/n?sslmode=disable", "postgres://u:xxxxx@h:5432/n?sslmode=disable"},
		{"postgres://h/n?user=u&password=hush", "postgres://h/n?user=u"},
		{"postgres://u@h/n", "postgres://u@h/n"},
	}
	for _, tt := range tests {
		if got := withoutPassword(tt.database); got != tt.want {
			t.Errorf("withoutPassword(%q): got %q, want %q", tt.database, got, tt.want)
		}
	}
}

// FuzzConfigFile wants every file to be read or refused, never to crash, and
// every problem to be one line.
func FuzzConfigFile(f *testing.F) {
	f.Add(string(zotpaper.ConfigYAML))
	f.Add("a: &x [1, *x]\n<<: {}\n? b\n: c\n")
	f.Add("slots:\n  - id: !!str a\n    sections: [[[{a: 1}]]]\n")
	f.Add("smtp: |\n  text\n\t- x\n%YAML 1.2\n---\n...\n")
	f.Add("\ufeff'\x00\": \r\n>-")
	f.Fuzz(func(t *testing.T, text string) {
		found := &problems{file: "config.yaml"}
		r := &yamlReader{problems: found, lines: map[string]int{}}
		values := r.read([]byte(text))
		if _, err := layer(map[string]any{}, values, nil); err != nil {
			t.Errorf("values read are not those of the structs: %v", err)
		}
		if err := found.err(); err != nil {
			if n := len(strings.Split(err.Error(), "\n")); n > maxProblems+1 || n > len(found.list) && n != maxProblems+1 {
				t.Errorf("%d problems make %d lines: %q", len(found.list), n, err)
			}
		}
	})
}
