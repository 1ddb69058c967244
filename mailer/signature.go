package mailer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The signatures of messages that come from a stencil. go-msgauth goes through
// every byte of a message several times and takes as long for 60 kB as RSA for
// its signature; a stencil's body needs only to be hashed.

// sign appends the field with the signature of the message to own.
//
// What is hashed is written where the message will stand, so that no other
// memory is needed.
func (s *Stencil) sign(dst []byte, own Own, signer *Signer) ([]byte, error) {
	start := len(dst)
	scratch := s.relaxed.fill(dst, own.Tokens)
	bodyHash := sha256.Sum256(scratch[start:])

	scratch = s.head(scratch[:start], own)
	head := len(scratch)
	scratch = signer.appendField(scratch, bodyHash)
	field := len(scratch)
	scratch = appendSigned(scratch, scratch[start:head])
	scratch = appendRelaxedField(scratch, scratch[head:field])
	// The field itself is signed with an empty b= and without its line end.
	// https://www.rfc-editor.org/rfc/rfc6376#section-3.7
	digest := sha256.Sum256(scratch[field : len(scratch)-len("\r\n")])

	signature, err := signer.key.Sign(rand.Reader, digest[:], signer.options)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	dst = append(scratch[:start], scratch[head:field]...)
	return appendSignature(dst, signature), nil
}

// beginning returns the field up to the tags that differ from message to
// message. It is folded between tags, and in h= after a colon: never within a
// name, where some verifiers do not join it again.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-3.5
func (s *Signer) beginning() []byte {
	algorithm := "rsa-sha256"
	if _, ok := s.key.(ed25519.PrivateKey); ok {
		algorithm = "ed25519-sha256"
	}
	var h header
	h.begin("DKIM-Signature", lineLimit)
	for _, tag := range []string{"v=1;", "a=" + algorithm + ";", "c=relaxed/relaxed;", "d=" + s.domain + ";", "s=" + s.selector + ";"} {
		h.word(tag)
	}
	names := "h=" + strings.Join(signedFields(), ":") + ";"
	for len(names) >= lineLimit {
		end := strings.LastIndexByte(names[:lineLimit-1], ':') + 1
		h.word(names[:end])
		names = names[end:]
	}
	h.word(names)
	h.end()
	return h.b
}

// appendField appends the field but for the signature and the end of its line.
func (s *Signer) appendField(b []byte, bodyHash [sha256.Size]byte) []byte {
	b = append(append(b, s.begin...), " t="...)
	b = strconv.AppendInt(b, time.Now().Unix(), 10)
	b = append(b, "; bh="...)
	b = base64.StdEncoding.AppendEncode(b, bodyHash[:])
	return append(b, ";\r\n b="...)
}

// appendSignature appends what follows b=.
func appendSignature(b, signature []byte) []byte {
	const lineBytes = 54 // 72 characters, which no padding interrupts
	for i := 0; i < len(signature); i += lineBytes {
		if i > 0 {
			b = append(b, "\r\n "...)
		}
		b = base64.StdEncoding.AppendEncode(b, signature[i:min(i+lineBytes, len(signature))])
	}
	return append(b, "\r\n"...)
}

// appendSigned appends the fields of a header that are signed, as they are
// hashed. Of several of a name the last comes first; one that is not there is
// nothing.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-5.4.2
func appendSigned(b, header []byte) []byte {
	var room [32][]byte // more than we ever write
	fields := room[:0]
	for start := 0; start < len(header); {
		end := start
		for more := true; more; more = end < len(header) && (header[end] == ' ' || header[end] == '\t') {
			end += bytes.IndexByte(header[end:], '\n') + 1
		}
		fields = append(fields, header[start:end])
		start = end
	}
	for _, name := range signedFields() {
		for i, field := range slices.Backward(fields) {
			if len(field) > len(name) && field[len(name)] == ':' && strings.EqualFold(string(field[:len(name)]), name) {
				b = appendRelaxedField(b, field)
				fields[i] = nil
				break
			}
		}
	}
	return b
}

// appendRelaxedField appends a field as it is hashed: its name in lower case,
// unfolded, blanks become one.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-3.4.2
func appendRelaxedField(b, field []byte) []byte {
	name := bytes.IndexByte(field, ':')
	for _, c := range field[:name] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	b = append(b, ':')
	blank, begun := false, false
	for _, c := range field[name+1:] {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			blank = true
			continue
		}
		if blank && begun {
			b = append(b, ' ')
		}
		b = append(b, c)
		blank, begun = false, true
	}
	return append(b, "\r\n"...)
}
