package subscribers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrToken says that a token is not one of ours, or was damaged on its way.
// Which of the two is not said, since it would only help somebody who tries.
var ErrToken = errors.New("the link is damaged or not ours")

// A token is
//
//	kid   1 byte   which key made it
//	ref  10 bytes  whom it is about
//	rest           the list, or the edition's tag
//	mac  16 bytes  HMAC-SHA256 over the purpose, a zero byte and all of the above
//
// It holds no address and nothing that leads to one without the database. It
// never expires by itself: a reader may open a mail of years ago to
// unsubscribe. What a notice asks expires with the notice, see Question.
const (
	macBytes  = 16
	headBytes = 1 + refBytes
	maxRest   = 32 // a list's name
)

// The purposes. A token made for one is refused for any other.
const (
	purposeUnsubscribe = "unsubscribe"
	purposePreferences = "preferences"
	purposeBounce      = "bounce"
	purposeNotice      = "notice"
	purposeEdition     = "edition"
	purposeForm        = "form"
)

// maxToken bounds the text of a token, so that nothing longer is even decoded.
var maxToken = base64.RawURLEncoding.EncodedLen(headBytes + maxRest + macBytes)

// Unsubscribe returns the token that takes the subscriber with that ref off
// that list. It panics if ref or list is none that the database could hold.
func (k *Keyring) Unsubscribe(ref, list string) string {
	if !ValidListID(list) {
		panic(fmt.Sprintf("subscribers: token for the list %q", list))
	}
	return base64.RawURLEncoding.EncodeToString(k.seal(purposeUnsubscribe, ref, []byte(list)))
}

// ParseUnsubscribe returns what Unsubscribe was given, or ErrToken.
func (k *Keyring) ParseUnsubscribe(token string) (ref, list string, err error) {
	ref, rest, err := k.parse(purposeUnsubscribe, token)
	if err != nil {
		return "", "", err
	}
	return ref, string(rest), nil
}

// Preferences returns the token that opens the preferences of the subscriber
// with that ref. It panics if ref is none that the database could hold.
func (k *Keyring) Preferences(ref string) string {
	return base64.RawURLEncoding.EncodeToString(k.seal(purposePreferences, ref, nil))
}

// ParsePreferences returns what Preferences was given, or ErrToken.
func (k *Keyring) ParsePreferences(token string) (ref string, err error) {
	ref, _, err = k.parse(purposePreferences, token)
	return ref, err
}

// Notice returns the token that answers the notice with that ref. It panics if
// ref is none that the database could hold.
func (k *Keyring) Notice(ref string) string {
	return base64.RawURLEncoding.EncodeToString(k.seal(purposeNotice, ref, nil))
}

// ParseNotice returns what Notice was given, or ErrToken.
func (k *Keyring) ParseNotice(token string) (ref string, err error) {
	ref, _, err = k.parse(purposeNotice, token)
	return ref, err
}

// Edition returns the token that opens an edition of an archive that is not
// public: the same for all its readers, so that it tells nothing of who passes
// the link on.
func (k *Keyring) Edition(edition string) string {
	newest := k.keys[0]
	return base64.RawURLEncoding.EncodeToString(append([]byte{newest.id}, newest.mac(purposeEdition, []byte(edition))...))
}

// OpensEdition reports whether token is one of Edition for that edition.
func (k *Keyring) OpensEdition(token, edition string) bool {
	sealed, ok := unspell(token)
	if !ok || len(sealed) != 1+macBytes {
		return false
	}
	for _, key := range k.keys {
		if key.id == sealed[0] && hmac.Equal(sealed[1:], key.mac(purposeEdition, []byte(edition))) {
			return true
		}
	}
	return false
}

// stampBytes is the length of a time in a form's stamp: seconds since 1970.
const stampBytes = 8

// Stamp returns a token that says when a form was shown.
func (k *Keyring) Stamp(shown time.Time) string {
	newest := k.keys[0]
	data := binary.BigEndian.AppendUint64([]byte{newest.id}, uint64(shown.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(data, newest.mac(purposeForm, data)...))
}

// ParseStamp returns what Stamp was given, to the second, or ErrToken.
func (k *Keyring) ParseStamp(token string) (shown time.Time, err error) {
	sealed, ok := unspell(token)
	if !ok || len(sealed) != 1+stampBytes+macBytes {
		return time.Time{}, ErrToken
	}
	data, mac := sealed[:1+stampBytes], sealed[1+stampBytes:]
	for _, key := range k.keys {
		if key.id == data[0] && hmac.Equal(mac, key.mac(purposeForm, data)) {
			return time.Unix(int64(binary.BigEndian.Uint64(data[1:])), 0), nil
		}
	}
	return time.Time{}, ErrToken
}

func (k *Keyring) parse(purpose, token string) (ref string, rest []byte, err error) {
	sealed, ok := unspell(token)
	if !ok {
		return "", nil, ErrToken
	}
	return k.open(purpose, sealed)
}

// unspell returns the bytes of a token as they stand in links.
func unspell(token string) (sealed []byte, ok bool) {
	if len(token) > maxToken {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	// The decoder skips line breaks and ignores bits behind the last byte; only
	// the one spelling that we made is ours.
	return sealed, err == nil && base64.RawURLEncoding.EncodeToString(sealed) == token
}

// tagBytes is how much of an edition's hash a bounce token holds. It tells the
// editions of a few weeks apart; the mac is what keeps forgers out.
const tagBytes = 4

// Bounce returns what stands behind the + of the envelope sender of that
// edition to that subscriber: 50 of a-z and 2-7, which survive a server that
// changes their case. It panics if ref is none that the database could hold.
func (k *Keyring) Bounce(ref, edition string) string {
	tag := editionTag(edition)
	return refEncoding.EncodeToString(k.seal(purposeBounce, ref, tag[:]))
}

// A Bounced is what a bounce token says.
type Bounced struct {
	Ref string // of the subscriber
	tag [tagBytes]byte
}

// Of reports whether the bounce is about that edition.
func (b Bounced) Of(edition string) bool { return b.tag == editionTag(edition) }

// ParseBounce returns what a token of Bounce says, or ErrToken.
func (k *Keyring) ParseBounce(token string) (Bounced, error) {
	token = strings.ToLower(token)
	if len(token) != refEncoding.EncodedLen(headBytes+tagBytes+macBytes) {
		return Bounced{}, ErrToken
	}
	sealed, err := refEncoding.DecodeString(token)
	if err != nil || refEncoding.EncodeToString(sealed) != token {
		return Bounced{}, ErrToken
	}
	ref, rest, err := k.open(purposeBounce, sealed)
	if err != nil || len(rest) != tagBytes {
		return Bounced{}, ErrToken
	}
	return Bounced{Ref: ref, tag: [tagBytes]byte(rest)}, nil
}

func editionTag(edition string) [tagBytes]byte {
	sum := sha256.Sum256([]byte(edition))
	return [tagBytes]byte(sum[:tagBytes])
}

// seal returns the bytes of a token, made with the newest key.
func (k *Keyring) seal(purpose, ref string, rest []byte) []byte {
	raw, err := refEncoding.DecodeString(ref)
	if err != nil || len(raw) != refBytes || refEncoding.EncodeToString(raw) != ref {
		panic(fmt.Sprintf("subscribers: token for the ref %q", ref))
	}
	newest := k.keys[0]
	data := make([]byte, 0, headBytes+len(rest)+macBytes)
	data = append(data, newest.id)
	data = append(data, raw...)
	data = append(data, rest...)
	return append(data, newest.mac(purpose, data)...)
}

// open returns what seal was given, or ErrToken.
func (k *Keyring) open(purpose string, sealed []byte) (ref string, rest []byte, err error) {
	if len(sealed) < headBytes+macBytes {
		return "", nil, ErrToken
	}
	data, mac := sealed[:len(sealed)-macBytes], sealed[len(sealed)-macBytes:]
	for _, key := range k.keys {
		if key.id == data[0] && hmac.Equal(mac, key.mac(purpose, data)) {
			return refEncoding.EncodeToString(data[1:headBytes]), data[headBytes:], nil
		}
	}
	return "", nil, ErrToken
}

// mac returns the code over data for purpose.
func (key key) mac(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, key.secret)
	h.Write([]byte(purpose))
	h.Write([]byte{0}) // so that no purpose and data read as another
	h.Write(data)
	return h.Sum(nil)[:macBytes]
}
