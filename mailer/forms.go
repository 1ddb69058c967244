package mailer

import "strings"

// What is checked for every message is written out: regular expressions took
// more time than the rest of filling in a stencil. The tests hold these
// functions to the expressions that they stand for.

// madeOf reports whether s has least to most bytes, each a letter, a digit or
// one of others.
func madeOf(s, others string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// The forms of the fields that are a reader's own. Each is bounded so that its
// field cannot outgrow a line: 998 bytes.

// isMessageID stands for
// ^[A-Za-z0-9.+_-]{1,64}@[A-Za-z0-9.-]{1,253}$
func isMessageID(s string) bool {
	left, right, ok := strings.Cut(s, "@")
	return ok && madeOf(left, ".+_-", 1, 64) && madeOf(right, ".-", 1, 253)
}

// isPlainURL stands for
// ^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9._~/-]{0,600}$
func isPlainURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		return false
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok || !madeOf(path, "._~/-", 0, 600) {
		return false
	}
	host, port, ok := strings.Cut(host, ":")
	if ok && (len(port) < 1 || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return false
	}
	return madeOf(host, ".-", 1, 253)
}

// isToken reports whether s is of what needs no encoding anywhere. It stands
// for
// ^[A-Za-z0-9_-]{8,200}$
func isToken(s string) bool { return madeOf(s, "_-", 8, 200) }

// The forms of an address that go into MAIL and RCPT. A quoted local part is
// taken only without the characters that end an address or begin a parameter:
// servers have been seen to unquote before they parse.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2

// isDotAtom stands for
// ^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$
func isDotAtom(s string) bool {
	return madeOf(s, "!#$%&'*+/=?^_`{|}~-.", 1, len(s)) && !strings.Contains(s, "..") && s[0] != '.' && s[len(s)-1] != '.'
}

// isQuotedLocal stands for
// ^"[A-Za-z0-9!#$%&'*+/=?^_{|}~.,;:()\[\]-]+"$
func isQuotedLocal(s string) bool {
	return len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' && madeOf(s[1:len(s)-1], "!#$%&'*+/=?^_{|}~.,;:()[]-", 1, len(s))
}

// isDomain stands for labels divided by dots, each
// [A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?
func isDomain(s string) bool {
	for more := true; more; {
		var label string
		label, s, more = strings.Cut(s, ".")
		if !madeOf(label, "-", 1, 63) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}
