package emltest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestAssertFails runs itself again, on a mail that breaks two rules: an Assert
// that reported nothing would pass every other test.
func TestAssertFails(t *testing.T) {
	const again = "EMLTEST_ASSERT_FAILS"
	if os.Getenv(again) != "" {
		d := good()
		d.add("X-Mailer", "zotpaper")
		d.html("margin:0 0 12px", "margin:0 0 12px;text-align:justify")
		Assert(t, d.bytes(), expectation())
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAssertFails$", "-test.v")
	cmd.Env = append(os.Environ(), again+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("Assert passed a bad mail:\n%s", out)
	}
	rules := assertions(expectation())
	for _, a := range rules {
		verdict := "PASS"
		if a.id == "H13" || a.id == "A7" {
			verdict = "FAIL"
		}
		line := fmt.Sprintf("--- %s: TestAssertFails/%s ", verdict, strings.ReplaceAll(a.id+" "+a.rule, " ", "_"))
		if !bytes.Contains(out, []byte(line[:len(line)-1])) {
			t.Errorf("no %q in what Assert printed", line)
		}
	}
	if n := bytes.Count(out, []byte("TestAssertFails/")); n < 2*len(rules) {
		t.Errorf("%d lines of subtests for %d rules", n, len(rules))
	}
}

// TestSingleFields takes away and doubles each field that may stand once.
func TestSingleFields(t *testing.T) {
	h1 := func(t *testing.T, d *draft) []string {
		t.Helper()
		findings, err := Check(d.bytes(), expectation())
		if err != nil {
			t.Fatal(err)
		}
		var ps []string
		for _, f := range findings {
			if f.ID == "H1" {
				ps = append(ps, f.Problem)
			}
		}
		return ps
	}
	for _, name := range []string{"Date", "From", "To", "Message-ID", "Subject", "MIME-Version"} {
		d := good()
		d.drop(name)
		if got := h1(t, d); len(got) != 1 || !strings.Contains(got[0], "0 fields "+name) {
			t.Errorf("without %s: H1 finds %q", name, got)
		}
	}
	for _, name := range []string{
		"Date", "From", "To", "Message-ID", "Subject", "MIME-Version", "Content-Type", "Sender", "Reply-To", "Cc", "Bcc",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Feedback-ID",
	} {
		d := good()
		for len(d.allOf(name)) < 2 && name != "Content-Type" {
			d.add(name, "x")
		}
		if name == "Content-Type" { // there is one of the draft's own, behind
			d.add("CONTENT-TYPE", "multipart/alternative; boundary=part-1")
		}
		if got := h1(t, d); len(got) != 1 || !strings.Contains(got[0], "2 fields "+name+",") {
			t.Errorf("%s twice: H1 finds %q", name, got)
		}
	}
}

// allOf returns the lines of the fields of that name.
func (d *draft) allOf(name string) []string {
	var lines []string
	for _, line := range d.header {
		if strings.HasPrefix(line, name+":") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestWhatIsWrongWithASignature: each of the things that H15 asks for, by
// itself.
func TestWhatIsWrongWithASignature(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const domain = "news.zotpaper.example"
	names := []string{"From", "From", "Subject", "Subject", "To", "Reply-To", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID"}
	signed := sign(t, good().bytes(), key, domain, names...)
	tests := map[string][]byte{
		"l= lets anybody add":        bytes.Replace(signed, []byte("v=1;"), []byte("v=1; l=10;"), 1),
		"is not aligned with":        sign(t, good().bytes(), key, "elsewhere.example", names...),
		"d: got":                     sign(t, good().bytes(), key, "zotpaper.example", names...),
		"c: got":                     bytes.Replace(signed, []byte("relaxed/relaxed"), []byte("relaxed/simple"), 1),
		"from stands 1 times in h=":  sign(t, good().bytes(), key, domain, names[1:]...),
		"subject stands 1 times in":  sign(t, good().bytes(), key, domain, slices.Delete(slices.Clone(names), 2, 3)...),
		"body hash did not verify":   append(slices.Clone(signed), "more\r\n"...),
		"signature did not verify":   bytes.Replace(signed, []byte("Subject: Afternoon"), []byte("Subject: Morning"), 1),
		"0 signatures verified":      good().bytes(),
		"2 signatures verified":      sign(t, signed, key, domain, names...),
		"MIME-Version is not signed": sign(t, good().bytes(), key, domain, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "MIME-Version" })...),
	}
	for _, name := range []string{"To", "Reply-To", "Date", "Message-ID", "Content-Type", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID"} {
		tests[name+" is not signed"] = sign(t, good().bytes(), key, domain, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })...)
	}
	want := expectation()
	want.Signed, want.SigningDomain, want.PublicKey = true, domain, record(t, "rsa", key.Public())
	for problem, raw := range tests {
		t.Run(problem, func(t *testing.T) {
			findings, err := Check(raw, want)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(findings, func(f Finding) bool { return f.ID == "H15" && strings.Contains(f.Problem, problem) }) {
				t.Errorf("H15 does not say %q: %+v", problem, findings)
			}
		})
	}
}
