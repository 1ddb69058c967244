package emltest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// signature returns the rules of DKIM, which are about a signature or about
// there being none.
func signature(want Expect) []assertion {
	if !want.Signed {
		return []assertion{{"H16", "not signed", absent("DKIM-Signature")}}
	}
	return []assertion{
		{"H15", "signed for our domain, relaxed, over what matters", signed},
		{"H16", "one signature, with RSA", func(m *mail, _ Expect) []string {
			fs := m.all("DKIM-Signature")
			if len(fs) != 1 {
				return []string{fmt.Sprintf("%d signatures, want one", len(fs))}
			}
			return differ("a", tags(fs[0].value)["a"], "rsa-sha256")
		}},
		{"U3", "the ways to unsubscribe are signed", func(m *mail, _ Expect) []string {
			return uncovered(m, "List-Unsubscribe", "List-Unsubscribe-Post")
		}},
	}
}

// tags returns the tags of a signature, without white space.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-3.2
func tags(signature string) map[string]string {
	found := map[string]string{}
	for tag := range strings.SplitSeq(strings.Join(strings.Fields(signature), ""), ";") {
		if name, value, ok := strings.Cut(tag, "="); ok {
			found[name] = value
		}
	}
	return found
}

func signed(m *mail, want Expect) []string {
	t := tags(m.first("DKIM-Signature"))
	ps := append(differ("c", t["c"], "relaxed/relaxed"), differ("d", t["d"], want.SigningDomain)...)
	if _, ok := t["l"]; ok {
		ps = append(ps, "l= lets anybody add to the body")
	}
	if from, err := m.addresses("From"); err == nil && len(from) == 1 {
		domain := from[0].Address[strings.LastIndexByte(from[0].Address, '@')+1:]
		if d := t["d"]; domain != d && !strings.HasSuffix(domain, "."+d) && !strings.HasSuffix(d, "."+domain) {
			ps = append(ps, fmt.Sprintf("d=%s is not aligned with From of %s", d, domain))
		}
	}
	ps = append(ps, uncovered(m, "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Reply-To")...)
	names := strings.Split(strings.ToLower(t["h"]), ":")
	for _, name := range []string{"from", "subject"} {
		count := 0
		for _, n := range names {
			if n == name {
				count++
			}
		}
		if count != 2 {
			ps = append(ps, fmt.Sprintf("%s stands %d times in h=, want twice", name, count))
		}
	}
	vs, err := dkim.VerifyWithOptions(bytes.NewReader(m.raw), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{want.PublicKey}, nil },
	})
	if err != nil || len(vs) != 1 {
		return append(ps, fmt.Sprintf("%d signatures verified: %v", len(vs), err))
	}
	if vs[0].Err != nil {
		ps = append(ps, vs[0].Err.Error())
	}
	return ps
}

// uncovered returns which fields the signature does not cover.
func uncovered(m *mail, names ...string) []string {
	covered := strings.Split(strings.ToLower(tags(m.first("DKIM-Signature"))["h"]), ":")
	var ps []string
	for _, name := range names {
		if !slices.Contains(covered, strings.ToLower(name)) {
			ps = append(ps, name+" is not signed")
		}
	}
	return ps
}

// dkimpy verifies the message of standard input with the key of its argument.
const dkimpy = `
import sys
try:
    import dkim
except ImportError:
    sys.exit(77)
record = sys.argv[1].encode()
sys.exit(0 if dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda name, timeout=5: record) else 1)
`

// VerifyWithDkimpy fails t unless the first signature of raw is good by
// dkimpy, which shares no code with our signer. record is the TXT record of the
// public key.
//
// Where dkimpy is missing the test is skipped, or fails if ZOTPAPER_NO_SKIP is
// set. On Debian and Ubuntu it is the package python3-dkim.
func VerifyWithDkimpy(t *testing.T, raw []byte, record string) {
	t.Helper()
	// Not the first python3 of the PATH: Debian's packages are for Debian's own.
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", dkimpy, record)
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.CombinedOutput()
	const lacking = 77
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist), errors.As(err, &exit) && exit.ExitCode() == lacking:
		if os.Getenv("ZOTPAPER_NO_SKIP") != "" {
			t.Fatal("python3-dkim is not installed, and nothing may be skipped")
		}
		t.Skip("python3-dkim is not installed: the signature is verified by our own library alone")
	default:
		t.Errorf("dkimpy does not verify the signature: %v\n%s", err, out)
	}
}
