package mailer

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
)

// The bounds of a message.
const (
	sizeLimit     = 250_000 // bytes of a whole message
	hardLineLimit = 998     // https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
	bodyLineLimit = 76      // https://www.rfc-editor.org/rfc/rfc2045#section-6.7
)

// onlyOnce returns the fields of which a second one makes providers refuse the
// mail. https://www.rfc-editor.org/rfc/rfc5322#section-3.6
func onlyOnce() []string {
	return []string{
		"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-Id", "Subject", "Mime-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Feedback-Id",
	}
}

// Check says what is wrong with a composed message, before a connection is
// opened for it: what it finds would be found by a mail server or a reader.
func Check(raw []byte) error {
	if len(raw) > sizeLimit {
		return fmt.Errorf("message: %d bytes, at most %d", len(raw), sizeLimit)
	}
	if err := checkLines(raw); err != nil {
		return err
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	for _, name := range onlyOnce() {
		if n := len(msg.Header[name]); n > 1 {
			return fmt.Errorf("message: %d fields %s, at most one", n, name)
		}
	}
	for _, name := range []string{"Date", "Message-Id", "Subject"} {
		if msg.Header.Get(name) == "" {
			return fmt.Errorf("message: no %s", name)
		}
	}
	for _, name := range []string{"From", "To"} {
		list, err := msg.Header.AddressList(name)
		if err != nil {
			return fmt.Errorf("message: field %s: %w", name, err)
		}
		if len(list) != 1 {
			return fmt.Errorf("message: field %s has %d addresses, want one", name, len(list))
		}
	}
	return checkParts(msg)
}

// checkLines checks what holds for every line.
func checkLines(raw []byte) error {
	inBody := false
	for n := 1; len(raw) > 0; n++ {
		line, rest, ok := bytes.Cut(raw, []byte("\r\n"))
		if !ok {
			return fmt.Errorf("message: line %d does not end with CRLF", n)
		}
		limit := hardLineLimit
		if inBody {
			limit = bodyLineLimit
		}
		if len(line) > limit {
			return fmt.Errorf("message: line %d has %d bytes, at most %d", n, len(line), limit)
		}
		for _, c := range line {
			if c == 0 || c == '\r' || c == '\n' || c >= 0x80 {
				return fmt.Errorf("message: line %d holds the byte %#02x", n, c)
			}
		}
		inBody = inBody || len(line) == 0
		raw = rest
	}
	return nil
}

// checkParts checks that msg is plain text, or has a text and an HTML part that
// can be decoded.
func checkParts(msg *mail.Message) error {
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err == nil && kind == "text/plain" {
		return nil
	}
	if err != nil || kind != "multipart/alternative" {
		return fmt.Errorf("message: it is %q, want multipart/alternative or text/plain", kind)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	var kinds []string
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("message: part %d: %w", len(kinds)+1, err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		kinds = append(kinds, kind)
		if _, err := io.Copy(io.Discard, part); err != nil {
			return fmt.Errorf("message: part %d: %w", len(kinds), err)
		}
	}
	if got := strings.Join(kinds, ", "); got != "text/plain, text/html" {
		return fmt.Errorf("message: its parts are %s; want text/plain, text/html", got)
	}
	return nil
}
