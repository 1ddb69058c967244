package emltest

import (
	"testing"
	"time"
)

// Expect says what a mail must be besides well made. What is empty is not
// compared, unless it says otherwise.
type Expect struct {
	FromName      string    // must be the display name
	To            string    // address; must be the only one
	Subject       string    // decoded
	Edition       string    // the edition's name or date; must stand in the subject
	Domain        string    // must end Message-ID and List-Id
	Summary       string    // what a mail program shows beside the subject
	Text, HTML    string    // the parts as rendered
	InOrder       []string  // what the plain text must hold, in this order: headlines, bylines, headings
	Postal        string    // postal address of the sender, for the footer
	Conditionals  int       // how many conditional comments the HTML must have
	Now           time.Time // the mail must not be dated later
	Signed        bool      // false: there must be no DKIM signature
	SigningDomain string    // of the signature; must be given if Signed
	PublicKey     string    // the TXT record of the signature's key; must be given if Signed
}

// A Finding is a rule that a mail breaks.
type Finding struct {
	ID      string // such as "H7"
	Rule    string
	Problem string
}

// assertion is one rule. It returns what is wrong.
type assertion struct {
	id, rule string
	problems func(*mail, Expect) []string
}

func assertions(want Expect) []assertion {
	all := [][]assertion{
		structure(), headers(), listHeaders(), signature(want), unsubscribing(), encoding(),
		plainText(), size(), preheader(), skeleton(), styling(), readability(), content(), dark(), accessibility(),
	}
	var flat []assertion
	for _, group := range all {
		flat = append(flat, group...)
	}
	return flat
}

// Check returns what rules raw breaks. An error says that raw could not even
// be read as a mail of two parts.
func Check(raw []byte, want Expect) ([]Finding, error) {
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, a := range assertions(want) {
		for _, problem := range a.problems(m, want) {
			findings = append(findings, Finding{a.id, a.rule, problem})
		}
	}
	return findings, nil
}

// Assert runs a subtest for each rule on raw, a mail as it goes over the wire.
func Assert(t *testing.T, raw []byte, want Expect) {
	t.Helper()
	m, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range assertions(want) {
		t.Run(a.id+" "+a.rule, func(t *testing.T) {
			t.Helper()
			for _, problem := range a.problems(m, want) {
				t.Error(problem)
			}
		})
	}
	if want.Signed {
		t.Run("H15 verified by dkimpy", func(t *testing.T) {
			t.Helper()
			VerifyWithDkimpy(t, raw, want.PublicKey)
		})
	}
}
