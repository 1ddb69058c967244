package mailer

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// forms are the expressions that the functions stand for, and what nearly
// matches them.
var forms = map[string]struct {
	is     func(string) bool
	form   *regexp.Regexp
	nearly string
}{
	"Message-ID": {isMessageID, regexp.MustCompile(`^[A-Za-z0-9.+_-]{1,64}@[A-Za-z0-9.-]{1,253}$`),
		`[A-Za-z0-9.+_-]{0,66}@{0,2}([A-Za-z0-9.+-]{0,9}|[a-z]{250,255})[\n]?`},
	"URL": {isPlainURL, regexp.MustCompile(`^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9._~/-]{0,600}$`),
		`(https|http)://([a-z.]{0,3}|[a-z]{250,255})(:[0-9:]{0,6})?/{0,2}([A-Z._~/:-]{0,5}|[a-z/]{598,602})[\n%]?`},
	"token": {isToken, regexp.MustCompile(`^[A-Za-z0-9_-]{8,200}$`),
		`([A-Za-z0-9_-]{6,10}|[a-z]{198,202})[\n.=]?`},
	"dot-atom": {isDotAtom, regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$"),
		"[.]?[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@\"-]{0,6}[.\\n]?"},
	"quoted local part": {isQuotedLocal, regexp.MustCompile(`^"[A-Za-z0-9!#$%&'*+/=?^_{|}~.,;:()\[\]-]+"$`),
		"\"?[A-Za-z0-9!#$%&'*+/=?^_`{|}~.,;:()\\[\\]<> -]{0,4}\"{0,2}[\\n]?"},
	"domain": {isDomain, regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`),
		`(-?[A-Za-z0-9-]{0,3}\.?){1,3}([a-z-]{61,65})?[\n._]?`},
}

func TestFormsAreThoseOfTheExpressions(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			matched := 0
			form := rapid.StringMatching(strings.Trim(f.form.String(), "^$"))
			rapid.Check(t, func(t *rapid.T) {
				s := rapid.OneOf(form, rapid.StringMatching(f.nearly), rapid.String()).Draw(t, "s")
				want := f.form.MatchString(s)
				if got := f.is(s); got != want {
					t.Fatalf("%q: %t, the expression says %t", s, got, want)
				}
				if want {
					matched++
				}
			})
			if matched == 0 {
				t.Error("nothing matched")
			}
		})
	}
}

func FuzzForms(f *testing.F) {
	for _, seed := range []string{"1@news.example", "https://n.example:80/u/a", "aaaaaaaa", `"a"`, "a.b", "a-.b", strings.Repeat("a", 64), ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, form := range forms {
			if got, want := form.is(s), form.form.MatchString(s); got != want {
				t.Errorf("%s %q: %t, the expression says %t", name, s, got, want)
			}
		}
	})
}
