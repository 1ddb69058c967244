package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// A Message is one mail to one reader. From, To, Subject, Date, ID and Text are
// required.
type Message struct {
	From    Address
	ReplyTo string // address; empty: no such field
	To      Address
	Subject string
	Date    time.Time // with the zone in which it is printed
	ID      string    // Message-ID without its angle brackets

	// Of a mail to a list; all empty for a mail to one person.
	ListID      string // such as afternoon.news.example, under a domain of ours
	ListName    string // ASCII; the words before the ListID
	ListArchive string // URL; may be empty
	Unsubscribe string // https URL that one POST unsubscribes at; it belongs to To
	FeedbackID  string // four fields that tell nothing of the reader; may be empty
	Bulk        bool   // keep answering machines quiet

	// Automatic says that a program wrote the mail to one person, on account of
	// something they did. It keeps answering machines quiet too.
	Automatic bool

	Text string
	HTML string // empty: the mail is the plain text alone

	// Boundary is the line that divides the parts. Messages of one issue have
	// the same, so that they differ in nothing but what is the reader's own.
	// Empty: made of the parts' hash.
	Boundary string
}

var (
	listID = regexp.MustCompile(`^[a-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,10}$`)
	// Of the characters that need no quotes, and no longer than the line of its
	// field has room for. https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
	boundaryForm = regexp.MustCompile(`^[A-Za-z0-9-]{16,68}$`)
	feedbackID   = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}:[A-Za-z0-9._-]{0,64}:[A-Za-z0-9._-]{0,64}:[A-Za-z0-9]{5,15}$`)
)

// Compose returns m as the bytes that go over the wire: multipart/alternative,
// the plain text first, or text/plain if there is no HTML; quoted-printable,
// seven-bit, lines ended by CRLF. It refuses a field that would not stay within
// its header line, and names it. Equal messages give equal bytes.
func (m Message) Compose() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("message to %q: %w", m.To.Address, err)
	}
	body, err := m.body()
	if err != nil {
		return nil, fmt.Errorf("message to %q: %w", m.To.Address, err)
	}
	return append(m.frame().append(nil, m.To, m.ID, m.Unsubscribe), body...), nil
}

func (m Message) check() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"From", m.From.Name}, {"To", m.To.Name}, {"Subject", m.Subject}, {"List-Id", m.ListName},
	} {
		errs = append(errs, checkLine(f.name, f.value))
	}
	mailbox := func(name, address string) {
		if err := checkMailbox(address); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	mailbox("From", m.From.Address)
	mailbox("To", m.To.Address)
	if m.ReplyTo != "" {
		mailbox("Reply-To", m.ReplyTo)
	}
	match := func(name, value string, isOfForm func(string) bool, required bool) {
		if (value != "" || required) && !isOfForm(value) {
			errs = append(errs, fmt.Errorf("%s: %q is not of the form it must have", name, value))
		}
	}
	isList := m.ListID != "" || m.Unsubscribe != ""
	match("Message-ID", m.ID, isMessageID, true)
	match("List-Id", m.ListID, listID.MatchString, isList)
	match("List-Archive", m.ListArchive, isPlainURL, false)
	match("List-Unsubscribe", m.Unsubscribe, isPlainURL, isList)
	match("Feedback-ID", m.FeedbackID, feedbackID.MatchString, false)
	match("boundary", m.Boundary, boundaryForm.MatchString, false)
	if !isPrintableASCII(m.ListName) || strings.ContainsAny(m.ListName, `<>"(),:;@\`) {
		errs = append(errs, fmt.Errorf("List-Id: %q must be plain words", m.ListName))
	}
	if strings.TrimSpace(m.Subject) == "" {
		errs = append(errs, errors.New("there is no Subject"))
	}
	if m.Date.IsZero() {
		errs = append(errs, errors.New("there is no Date"))
	}
	if m.Text == "" {
		errs = append(errs, errors.New("the plain text is empty"))
	}
	for name, part := range map[string]string{"plain text": m.Text, "HTML": m.HTML} {
		if m.Boundary != "" && strings.Contains(part, m.Boundary) {
			errs = append(errs, fmt.Errorf("boundary: %q stands in the %s", m.Boundary, name))
		}
	}
	return errors.Join(errs...)
}

// A frame is the header of a message without the fields that are a reader's
// own: To, Message-ID and List-Unsubscribe.
type frame struct {
	beforeTo, beforeID, beforeUnsubscribe, rest []byte

	isList bool
}

// frame returns the header fields that m has in common with those to others,
// but for those of MIME.
func (m Message) frame() frame {
	f := frame{isList: m.ListID != ""}
	var h header
	h.address("From", m.From)
	if m.ReplyTo != "" {
		h.address("Reply-To", Address{Address: m.ReplyTo})
	}
	f.beforeTo, h = h.b, header{}
	h.text("Subject", m.Subject)
	h.line("Date", m.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	f.beforeID, h = h.b, header{}
	if f.isList {
		h.words("List-Id", append(strings.Fields(m.ListName), "<"+m.ListID+">")...)
		f.beforeUnsubscribe, h = h.b, header{}
		h.line("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if m.ListArchive != "" {
		h.bracketed("List-Archive", m.ListArchive)
	}
	if m.FeedbackID != "" {
		h.line("Feedback-ID", m.FeedbackID)
	}
	if m.Bulk {
		h.line("Precedence", "bulk")
		// Not "All": Exchange would then suppress bounces as well, and we would
		// go on mailing an address that is gone.
		h.line("X-Auto-Response-Suppress", "OOF, AutoReply")
	}
	if m.Automatic {
		// https://www.rfc-editor.org/rfc/rfc3834#section-5
		h.line("Auto-Submitted", "auto-generated")
		h.line("X-Auto-Response-Suppress", "OOF, AutoReply")
	}
	f.rest = h.b
	return f
}

// append appends the header of a message to one reader, whose fields were
// checked, to b.
func (f frame) append(b []byte, to Address, id, unsubscribe string) []byte {
	h := header{b: append(b, f.beforeTo...)}
	h.address("To", to)
	h.b = append(h.b, f.beforeID...)
	h.bracketed("Message-ID", id)
	h.b = append(h.b, f.beforeUnsubscribe...)
	if f.isList {
		// One click, and one line: https://www.rfc-editor.org/rfc/rfc8058#section-3.1
		h.bracketed("List-Unsubscribe", unsubscribe)
	}
	return append(h.b, f.rest...)
}

// body returns the MIME fields and the parts. go-mail composes them; the
// header fields that it adds on its own are left out.
func (m Message) body() ([]byte, error) {
	// The boundary is a hash of what it divides: the same at every attempt,
	// and in no line of the parts, since nobody can write a text that holds
	// its own hash. It has no character that would ask for quotes, which
	// go-mail does not write.
	boundary := m.Boundary
	if boundary == "" {
		sum := sha256.Sum256([]byte(m.Text + "\x00" + m.HTML))
		boundary = "part-" + hex.EncodeToString(sum[:16])
	}
	msg := mail.NewMsg(
		mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent(),
		mail.WithBoundary(boundary),
	)
	text := m.Text
	if m.HTML == "" && !strings.HasSuffix(text, "\n") {
		text += "\n" // nothing else ends its last line
	}
	msg.SetBodyString(mail.TypeTextPlain, text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	head, parts, ok := bytes.Cut(b.Bytes(), []byte("\r\n\r\n"))
	if !ok {
		return nil, errors.New("compose: no end of the header")
	}
	var kept bytes.Buffer
	keep := false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if len(line) > 0 && line[0] != ' ' && line[0] != '\t' { // else it continues the field before
			keep = string(name) == "MIME-Version" || bytes.HasPrefix(name, []byte("Content-"))
		}
		if keep {
			kept.Write(line)
			kept.WriteString("\r\n")
		}
	}
	kept.WriteString("\r\n")
	kept.Write(parts)
	return kept.Bytes(), nil
}
