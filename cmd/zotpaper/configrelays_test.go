package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/mailer"
)

func TestRelays(t *testing.T) {
	files := map[string]string{"pw": "hush\n"}
	tests := []struct {
		url  string
		want RelayConfig
	}{
		{"smtp://mail.test", RelayConfig{Host: "mail.test", Port: 587, TLS: "mandatory", Weight: 1}},
		{"smtps://mail.test", RelayConfig{Host: "mail.test", Port: 465, TLS: "implicit", Weight: 1}},
		{"smtp://mail.test:2525/?weight=3", RelayConfig{Host: "mail.test", Port: 2525, TLS: "mandatory", Weight: 3}},
		{"smtps://u@mail.test?password_file=pw&weight=1000", RelayConfig{Host: "mail.test", Port: 465, TLS: "implicit", Username: "u", Password: "hush", Weight: 1000}},
		{"smtp://paper%40news.test@mail.test?password_file=pw", RelayConfig{Host: "mail.test", Port: 587, TLS: "mandatory", Username: "paper@news.test", Password: "hush", Weight: 1}},
		{"smtp://127.0.0.1:25?tls=none", RelayConfig{Host: "127.0.0.1", Port: 25, TLS: "none", Weight: 1}},
		{"smtp://[::1]:25?tls=none", RelayConfig{Host: "::1", Port: 25, TLS: "none", Weight: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, config := paperFolder(t, "smtp:\n  relays:\n    - \""+tt.url+"\"\n", files)
			c, err := loadConfig(config, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]RelayConfig{tt.want}, c.SMTP.Others); diff != "" {
				t.Errorf("smtp.relays (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRelayMistakes(t *testing.T) {
	const form = "want smtp://USER@HOST:PORT or smtps://USER@HOST:PORT, and ?weight=N&password_file=FILE behind it"
	tests := []struct{ name, url, want string }{
		{"a name alone", "mail.test", form},
		{"a name and a port", "mail.test:587", form},
		{"another scheme", "https://mail.test", form},
		{"no name", "smtp://:25", form},
		{"a path", "smtp://mail.test/hush", form},
		{"a blank", "smtp://mail test", form},
		{"a semicolon, which would hide what follows", "smtp://mail.test?weight=2;password_file=pw", form},
		{"a password", "smtp://u:hush@mail.test", "keep the password in a file: ?password_file=FILE"},
		{"an empty password", "smtp://u:@mail.test", "keep the password in a file: ?password_file=FILE"},
		{"a password as an option", "smtp://u@mail.test?password=hush", `unknown option "password"; want weight, password_file or tls`},
		{"a port that is none", "smtp://mail.test:0", "port: want 1 to 65535"},
		{"a port that is too high", "smtp://mail.test:65536", "port: want 1 to 65535"},
		{"no weight", "smtp://mail.test?weight=0", `weight: want 1 to 1000, got "0"`},
		{"too much weight", "smtp://mail.test?weight=1001", `weight: want 1 to 1000, got "1001"`},
		{"a weight that is no number", "smtp://mail.test?weight=much", `weight: want 1 to 1000, got "much"`},
		{"a weight twice", "smtp://mail.test?weight=1&weight=2", "weight stands there twice"},
		{"in clear over the network", "smtp://mail.test?tls=none", "tls: only none, and only for a server on this machine"},
		{"another TLS", "smtp://127.0.0.1?tls=implicit", "tls: only none, and only for a server on this machine"},
		{"a file that is not there", "smtp://u@mail.test?password_file=none", "none: no such file"},
		{"an empty file", "smtp://u@mail.test?password_file=empty", "empty is empty"},
		{"a file of two lines", "smtp://u@mail.test?password_file=two", "two holds more than one line; want the password alone"},
		{"a user without a password", "smtp://u@mail.test", "want both a user before the @ and a password_file, or neither"},
		{"a password without a user", "smtp://mail.test?password_file=pw", "want both a user before the @ and a password_file, or neither"},
		{"the first of two mistakes", "smtp://mail.test?weight=0&color=blue", `unknown option "color"; want weight, password_file or tls`},
	}
	files := map[string]string{"pw": "hush\n", "empty": "\n", "two": "hush\nhush\n"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, "smtp:\n  relays:\n    - smtp://good.test\n    - \""+tt.url+"\"\n", files)
			got := complaints(t, dir, config, nil)
			if diff := cmp.Diff([]string{"config.yaml:4: smtp.relays[1]: " + tt.want}, got); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, "\n"), "hush") {
				t.Errorf("the message repeats the password: %q", got)
			}
		})
	}
}

func TestTooManyRelays(t *testing.T) {
	dir, config := paperFolder(t, "smtp:\n  relays: [\""+strings.Repeat(`smtp://a.test", "`, maxRelays)+"smtp://b.test\"]\n", nil)
	want := []string{"config.yaml:2: smtp.relays: want at most 16 servers, got 17"}
	if diff := cmp.Diff(want, complaints(t, dir, config, nil)); diff != "" {
		t.Errorf("loadConfig (-want +got):\n%s", diff)
	}
}

func TestSMTPBounds(t *testing.T) {
	tests := []struct{ text, want string }{
		{"messages: -1", "smtp.messages: want 0 to 1000000, got -1"},
		{"messages: 1000001", "smtp.messages: want 0 to 1000000, got 1000001"},
		{"weight: 0", "smtp.weight: want 1 to 1000, got 0"},
		{"weight: 1001", "smtp.weight: want 1 to 1000, got 1001"},
		{"connections: 257", "smtp.connections: want 1 to 256, got 257"},
		{"rate: -1", "smtp.rate: want 0 to 100000, got -1"},
	}
	for _, tt := range tests {
		dir, config := paperFolder(t, "smtp:\n  "+tt.text+"\n", nil)
		if diff := cmp.Diff([]string{"config.yaml:2: " + tt.want}, complaints(t, dir, config, nil)); diff != "" {
			t.Errorf("smtp: {%s} (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestRelaysShareTheRest wants each server to have its own address, login and
// weight, and all else from smtp.
func TestRelaysShareTheRest(t *testing.T) {
	_, config := paperFolder(t, "smtp: {host: first.test, username: u, password: one, weight: 2, messages: 50, timeout: 30s, pipelining: false,\n"+
		"  relays: [\"smtps://v@second.test?password_file=pw\"]}\n", map[string]string{"pw": "two"})
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := relays(c)
	if len(list) != 2 || list[0].Weight != 2 || list[1].Weight != 1 {
		t.Fatalf("relays: %d with weights %+v, want two with 2 and 1", len(list), list)
	}
	want := list[0].Relay
	if want.Host != "first.test" || want.Messages != 50 || want.Pipelining || want.Password != "one" || want.TLS != mailer.TLSMandatory {
		t.Errorf("the first server: %+v", want)
	}
	want.Host, want.Port, want.TLS, want.Username, want.Password = "second.test", 465, mailer.TLSImplicit, "v", "two"
	if diff := cmp.Diff(want, list[1].Relay); diff != "" {
		t.Errorf("the second server (-want +got):\n%s", diff)
	}
}

func TestShownConfigHasRelaysWithoutSecrets(t *testing.T) {
	const relay = "smtps://v@second.test?password_file=pw&weight=2"
	_, config := paperFolder(t, "smtp:\n  relays: [\""+relay+"\"]\n", map[string]string{"pw": "hush"})
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := (configFact{c}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), relay) || strings.Contains(text.String(), "hush") {
		t.Errorf("config show: want the server as it was given and no password:\n%s", text.String())
	}
}
