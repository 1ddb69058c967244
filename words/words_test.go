package words

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func book(t *testing.T, language string, files map[string]string) (*Book, error) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Load(language, folder)
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name, language string
		files          map[string]string
		speaks, button string
	}{
		{"no file: English", "de", nil, "en", "Subscribe"},
		{"a file of the language", "de", map[string]string{"words.de.yaml": "signup:\n  button: Abonnieren\n"}, "de", "Abonnieren"},
		{"a file of the language without its region", "pt-BR", map[string]string{"words.pt.yaml": "signup: {button: Assinar}"}, "pt", "Assinar"},
		{"the region comes first", "pt-BR", map[string]string{"words.pt.yaml": "signup: {button: Subscrever}", "words.pt-BR.yaml": "signup: {button: Assinar}"}, "pt-BR", "Assinar"},
		{"English in a newsroom's own words", "en", map[string]string{"words.en.yaml": "signup: {button: Join}"}, "en", "Join"},
		{"another language's file is not read", "en", map[string]string{"words.de.yaml": "no: [yaml"}, "en", "Subscribe"},
		{"an empty file", "de", map[string]string{"words.de.yaml": "# nothing yet\n"}, "de", "Subscribe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := book(t, tt.language, tt.files)
			if err != nil {
				t.Fatal(err)
			}
			if b.Language != tt.speaks {
				t.Errorf("it speaks %q, want %q", b.Language, tt.speaks)
			}
			if got, err := b.Say("signup.button"); err != nil || got != tt.button {
				t.Errorf("signup.button: %q, error %v; want %q", got, err, tt.button)
			}
			if got, err := b.Say("unsubscribe.title"); err != nil || got != "Unsubscribe" {
				t.Errorf("what the file leaves out: %q, error %v; want the English text", got, err)
			}
		})
	}
	if b, err := Load("de", nil); err != nil || b.Language != English {
		t.Errorf("without a folder: %v, error %v", b, err)
	}
}

func TestLoadNamesFileAndLineOfAMistake(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{"a page that is none", "nosuch:\n  title: x\n", "words.de.yaml:2: nosuch.title: there is no such text"},
		{"a text that is none", "signup:\n  button: x\n  knob: x\n", "words.de.yaml:3: signup.knob: there is no such text"},
		{"a gap that is not given", "signup:\n  consent: Ja, {newspaper}\n", "words.de.yaml:2: signup.consent: {newspaper} is not given to this text; it may have {paper}"},
		{"a gap where none is", "signup:\n  button: Los, {paper}\n", "it may have none"},
		{"a text twice", "signup:\n  button: x\nsent:\n  title: y\nsignup:\n  button: z\n", "words.de.yaml:5: not YAML: mapping key \"signup\" already defined"},
		{"no text", "signup:\n  button: \"\"\n", "words.de.yaml:2: signup.button: there is no text"},
		{"nothing", "signup:\n  button:\n", "words.de.yaml:2: signup.button: want a text"},
		{"a number", "signup:\n  button: 5\n", "want a text; put quotes around it"},
		{"a third direction of writing", "page:\n  direction: up\n", "words.de.yaml:2: page.direction: want ltr or rtl"},
		{"a list", "signup:\n  button: [x]\n", "words.de.yaml:2: signup.button: want a text"},
		{"no pages", "- x\n", "words.de.yaml:1: want keys with texts"},
		{"no texts", "signup: x\n", "words.de.yaml:1: want keys with texts"},
		{"not YAML", "signup: [\n", "words.de.yaml:1: not YAML"},
		{"too large", strings.Repeat("#\n", maxFile), "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := book(t, "de", map[string]string{"words.de.yaml": tt.file})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestSay(t *testing.T) {
	b, err := Load("en", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Say("unsubscribe.done", "list", "{paper} & <b>"); err != nil || got != "“{paper} & <b>” is no longer sent to you." {
		t.Errorf("a value with braces is a value: got %q, error %v", got, err)
	}
	for name, call := range map[string][]string{
		"no such text":         {"signup.nosuch"},
		"a gap without value":  {"unsubscribe.done"},
		"a name without value": {"unsubscribe.done", "list"},
		"another name":         {"unsubscribe.done", "paper", "x"},
	} {
		if got, err := b.Say(call[0], call[1:]...); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func TestDate(t *testing.T) {
	sunday := time.Date(2026, 2, 8, 23, 0, 0, 0, time.UTC)
	german, err := book(t, "de", map[string]string{"words.de.yaml": "date:\n  format: \"{weekday}, {day}. {month} {year}\"\n  sunday: Sonntag\n  february: Februar\n"})
	if err != nil {
		t.Fatal(err)
	}
	english, err := Load("en", nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string]*Book{"Sunday 8 February 2026": english, "Sonntag, 8. Februar 2026": german} {
		if got, err := b.Date(sunday); err != nil || got != want {
			t.Errorf("got %q, error %v; want %q", got, err, want)
		}
	}
	for n := range 400 { // every weekday and month has its word
		if _, err := english.Date(sunday.AddDate(0, 0, n)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSourceIsWhatIsBuiltIn(t *testing.T) {
	b, err := book(t, "en", map[string]string{"words.en.yaml": string(Source())})
	if err != nil {
		t.Fatalf("the file that a newsroom starts from: %v", err)
	}
	if keys := b.Keys(); !slices.IsSorted(keys) || len(keys) < 100 {
		t.Errorf("%d keys, sorted %v", len(keys), slices.IsSorted(keys))
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("signup:\n  button: Los\n")
	f.Add("signup: {consent: \"{paper\"}")
	f.Add("a: &a {b: *a}")
	f.Fuzz(func(t *testing.T, file string) {
		b, err := book(t, "de", map[string]string{"words.de.yaml": file})
		if err != nil {
			if !strings.Contains(err.Error(), "words.de.yaml") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		for _, key := range b.Keys() {
			if text, err := b.Say(key, "paper", "x", "list", "x", "lists", "x", "zone", "x", "time", "x", "number", "x",
				"weekday", "x", "day", "x", "month", "x", "year", "x"); err != nil || text == "" {
				t.Errorf("%s: %q, error %v", key, text, err)
			}
		}
	})
}
