package subscribers

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyLine returns a line of a keyring; the same seed gives the same secret.
func keyLine(id, seed string) string {
	return id + " " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(seed, 32)[:32])) + "\n"
}

func keyringOf(t testing.TB, lines ...string) *Keyring {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeyring(file, false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const someRef = "abcdefghijklmnop"

func TestTokensSayWhatTheyWereMadeFor(t *testing.T) {
	k := keyringOf(t, keyLine("1", "a"))
	for _, list := range []string{"a", "afternoon", strings.Repeat("l", 32)} {
		for _, ref := range []string{someRef, newRef(), "aaaaaaaaaaaaaaaa", "7777777777777777"} {
			token := k.Unsubscribe(ref, list)
			gotRef, gotList, err := k.ParseUnsubscribe(token)
			if err != nil || gotRef != ref || gotList != list {
				t.Errorf("ParseUnsubscribe(%q): %q, %q, %v, want %q, %q", token, gotRef, gotList, err, ref, list)
			}
			if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,79}$`).MatchString(token) {
				t.Errorf("%q would be changed in a URL, or is too long", token)
			}
		}
	}
	if ref, err := k.ParsePreferences(k.Preferences(someRef)); err != nil || ref != someRef {
		t.Errorf("ParsePreferences: %q, %v, want %q", ref, err, someRef)
	}
	const edition = "2026-02-08/afternoon"
	token := k.Bounce(someRef, edition)
	if !regexp.MustCompile(`^[a-z2-7]{50}$`).MatchString(token) {
		t.Errorf("Bounce: %q does not survive as part of an address", token)
	}
	for _, spelled := range []string{token, strings.ToUpper(token)} {
		b, err := k.ParseBounce(spelled)
		if err != nil || b.Ref != someRef || !b.Of(edition) || b.Of("2026-02-09/afternoon") || b.Of("2026-02-08/morning") {
			t.Errorf("ParseBounce(%q): %+v, %v, want the reader and that edition alone", spelled, b, err)
		}
	}
}

func TestTokensHoldNoAddress(t *testing.T) {
	// There is nothing to hide: no address goes in. What goes in is random.
	seen := map[string]bool{}
	for range 1000 {
		ref := newRef()
		if seen[ref] || !regexp.MustCompile(`^[a-z2-7]{16}$`).MatchString(ref) {
			t.Fatalf("newRef gave %q, want 16 of a-z and 2-7, never twice", ref)
		}
		seen[ref] = true
	}
	k := keyringOf(t, keyLine("1", "a"))
	raw, err := base64.RawURLEncoding.DecodeString(k.Unsubscribe(someRef, "afternoon"))
	if err != nil || len(raw) != 1+10+len("afternoon")+16 {
		t.Errorf("a token has %d bytes, %v, want those of key, ref, list and code", len(raw), err)
	}
}

func TestTokensBreakWithAnyBit(t *testing.T) {
	k := keyringOf(t, keyLine("1", "a"), keyLine("2", "b"), keyLine("3", "c"))
	kinds := map[string]struct {
		token string
		parse func(string) error
	}{
		"unsubscribe": {k.Unsubscribe(someRef, "afternoon"), func(s string) error { _, _, err := k.ParseUnsubscribe(s); return err }},
		"preferences": {k.Preferences(someRef), func(s string) error { _, err := k.ParsePreferences(s); return err }},
		"notice":      {k.Notice(someRef), func(s string) error { _, err := k.ParseNotice(s); return err }},
		"stamp":       {k.Stamp(time.Unix(1770552000, 0)), func(s string) error { _, err := k.ParseStamp(s); return err }},
		"edition": {k.Edition("2026-02-08/afternoon"), func(s string) error {
			if !k.OpensEdition(s, "2026-02-08/afternoon") {
				return ErrToken
			}
			return nil
		}},
	}
	for name, kind := range kinds {
		token, parse := kind.token, kind.parse
		if err := parse(token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(raw) * 8 {
			flipped := slices.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			if err := parse(base64.RawURLEncoding.EncodeToString(flipped)); !errors.Is(err, ErrToken) {
				t.Errorf("%s with bit %d flipped: %v, want ErrToken", name, bit, err)
			}
		}
		for n := range len(token) {
			if err := parse(token[:n]); !errors.Is(err, ErrToken) {
				t.Errorf("%s cut to %d: %v, want ErrToken", name, n, err)
			}
		}
		for i := range len(token) { // other spellings of the same bytes, among others
			for _, c := range "ABgw_-=\n " {
				other := token[:i] + string(c) + token[i+1:]
				if err := parse(other); other != token && !errors.Is(err, ErrToken) {
					t.Errorf("%s as %q: %v, want ErrToken", name, other, err)
				}
			}
		}
		for _, other := range []string{token + "A", token + "=", token + "\n", "\n" + token, " " + token, token + token, strings.Repeat("A", 1<<20)} {
			if err := parse(other); !errors.Is(err, ErrToken) {
				t.Errorf("%s as %.100q: %v, want ErrToken", name, other, err)
			}
		}
	}
	bounce := k.Bounce(someRef, "2026-02-08/afternoon")
	for i := range len(bounce) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			other := bounce[:i] + string(c) + bounce[i+1:]
			if _, err := k.ParseBounce(other); other != bounce && !errors.Is(err, ErrToken) {
				t.Errorf("bounce as %q: %v, want ErrToken", other, err)
			}
		}
	}
}

func TestTokensServeOnePurpose(t *testing.T) {
	k := keyringOf(t, keyLine("1", "a"))
	// With a list of four letters a bounce token has the form of the others.
	raw, err := refEncoding.DecodeString(k.Bounce(someRef, "x"))
	if err != nil {
		t.Fatal(err)
	}
	bounce := base64.RawURLEncoding.EncodeToString(raw)
	for _, token := range []string{k.Preferences(someRef), bounce} {
		if _, _, err := k.ParseUnsubscribe(token); !errors.Is(err, ErrToken) {
			t.Errorf("ParseUnsubscribe of another purpose's %q: %v, want ErrToken", token, err)
		}
	}
	for _, token := range []string{k.Unsubscribe(someRef, "afternoon"), bounce, k.Notice(someRef)} {
		if _, err := k.ParsePreferences(token); !errors.Is(err, ErrToken) {
			t.Errorf("ParsePreferences of another purpose's %q: %v, want ErrToken", token, err)
		}
	}
	for _, token := range []string{k.Unsubscribe(someRef, "afternoon"), bounce, k.Preferences(someRef)} {
		if _, err := k.ParseNotice(token); !errors.Is(err, ErrToken) {
			t.Errorf("ParseNotice of another purpose's %q: %v, want ErrToken", token, err)
		}
	}
	if k.OpensEdition(k.Edition("2026-02-08/afternoon"), "2026-02-09/afternoon") {
		t.Error("the token of one edition opens another")
	}
	raw, err = base64.RawURLEncoding.DecodeString(k.Unsubscribe(someRef, "four"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.ParseBounce(refEncoding.EncodeToString(raw)); !errors.Is(err, ErrToken) {
		t.Errorf("ParseBounce of an unsubscribe token: %v, want ErrToken", err)
	}
}

func TestTokensOutliveTheirKeysReplacement(t *testing.T) {
	old := keyringOf(t, keyLine("1", "a"))
	both := keyringOf(t, keyLine("2", "b"), keyLine("1", "a"))
	onlyNew := keyringOf(t, keyLine("2", "b"))
	sameNumber := keyringOf(t, keyLine("1", "b"))

	if shown, err := both.ParseStamp(old.Stamp(time.Unix(1770552000, 5))); err != nil || !shown.Equal(time.Unix(1770552000, 0)) {
		t.Errorf("a stamp of the old key: %v, %v, want the second it was made in", shown, err)
	}
	if !both.OpensEdition(old.Edition("2026-02-08/afternoon"), "2026-02-08/afternoon") {
		t.Error("an edition's token of the old key does not open it")
	}
	token := old.Unsubscribe(someRef, "afternoon")
	if _, _, err := both.ParseUnsubscribe(token); err != nil {
		t.Errorf("a token of the old key, with the old key in place: %v", err)
	}
	for name, k := range map[string]*Keyring{"without the old key": onlyNew, "with another key of its number": sameNumber} {
		if _, _, err := k.ParseUnsubscribe(token); !errors.Is(err, ErrToken) {
			t.Errorf("a token of the old key %s: %v, want ErrToken", name, err)
		}
	}
	if _, _, err := onlyNew.ParseUnsubscribe(both.Unsubscribe(someRef, "afternoon")); err != nil {
		t.Errorf("new tokens are not made with the first key: %v", err)
	}
}

func TestTokensForNobodyAreABug(t *testing.T) {
	k := keyringOf(t, keyLine("1", "a"))
	for name, token := range map[string]func(){
		"a ref in capitals":  func() { k.Preferences(strings.ToUpper(someRef)) },
		"a short ref":        func() { k.Preferences("abc") },
		"no ref":             func() { k.Bounce("", "2026-02-08/afternoon") },
		"an address":         func() { k.Unsubscribe("anna@example.org", "afternoon") },
		"no list":            func() { k.Unsubscribe(someRef, "") },
		"a list with a line": func() { k.Unsubscribe(someRef, "a\nb") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a token was made", name)
				}
			}()
			token()
		}()
	}
}

func FuzzParseUnsubscribe(f *testing.F) {
	k := keyringOf(f, keyLine("1", "a"), keyLine("200", "b"))
	f.Add(k.Unsubscribe(someRef, "afternoon"))
	f.Add(k.Preferences(someRef))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		ref, list, err := k.ParseUnsubscribe(token)
		if err != nil {
			if ref != "" || list != "" {
				t.Errorf("ParseUnsubscribe(%q): %q, %q beside %v", token, ref, list, err)
			}
			return
		}
		if again := k.Unsubscribe(ref, list); again != token {
			t.Errorf("ParseUnsubscribe(%q): %q, %q, whose token is %q", token, ref, list, again)
		}
	})
}

func TestLoadKeyringRefuses(t *testing.T) {
	good := strings.TrimSpace(keyLine("1", "a"))
	tests := []struct{ rule, text, want string }{
		{"an empty file", "", "no key"},
		{"only comments", "# 1 abc\n\n", "no key"},
		{"no number", "abc " + good + "\n", ":1: want NUMBER"},
		{"the number 0", "0" + good[1:] + "\n", ":1: want NUMBER"},
		{"the number 256", "256" + good[1:] + "\n", ":1: want NUMBER"},
		{"no secret", "# head\n1\n", ":2: the secret has 0 bytes"},
		{"a short secret", "1 c2hvcnQ=\n", "has 5 bytes"},
		{"not base64", "1 !!!!\n", "not base64"},
		{"a number twice", good + "\n" + good + "\n", ":2: the number 1"},
		{"a line of 100 KB", "1 " + strings.Repeat("A", 100_000) + "\n", "secret file"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadKeyring(file, true)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("LoadKeyring: %v, want an error with the file and %q", err, tt.want)
			}
			if _, secret, _ := strings.Cut(good, " "); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("LoadKeyring: %v gives the secret away", err)
			}
		})
	}
}

func TestLoadKeyringMakesOneFileForAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if _, err := LoadKeyring(file, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LoadKeyring without create: %v, want os.ErrNotExist", err)
	}
	tokens := make([]string, 8)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			k, err := LoadKeyring(file, true)
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i] = k.Unsubscribe(someRef, "afternoon")
			if k.Exposed() {
				t.Error("a file we made is Exposed")
			}
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Errorf("two starts at once have different keys: %q and %q", token, tokens[0])
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v, want 600", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v, want the file alone", left, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if k, err := LoadKeyring(file, false); err != nil || !k.Exposed() {
		t.Errorf("a file that all can read: %v, want it Exposed", err)
	}
}
