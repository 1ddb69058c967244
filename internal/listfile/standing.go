package listfile

import "strings"

// A Standing is what a file says of a person.
type Standing string

// The standings, the better first. Of several that a row gives, the last counts.
const (
	Member       Standing = "member"       // gets mail
	Unconfirmed  Standing = "unconfirmed"  // has asked, and never confirmed
	Unsubscribed Standing = "unsubscribed" // has left, or was taken off
	Operator     Standing = "operator"     // was kept from mail by somebody of the paper
	Bounced      Standing = "bounced"      // the address takes no mail
	Complained   Standing = "complained"   // has called the mail spam
)

func (s Standing) worse(than Standing) bool { return s.rank() > than.rank() }

func (s Standing) rank() int {
	switch s {
	case Unconfirmed:
		return 1
	case Unsubscribed:
		return 2
	case Operator:
		return 3
	case Bounced:
		return 4
	case Complained:
		return 5
	}
	return 0 // Member, or none
}

// standingOf returns what a word in a status column means, or nothing if we do
// not know it. word is folded.
func standingOf(word string) Standing {
	switch word {
	case "member", // ours
		"enabled", "confirmed", // listmonk: the account, the subscription
		"subscribed", "active", // Mailchimp's interface, and many others
		"free", "paid", "comped", // Ghost
		"regular", "premium", "trialed", "unpaid", "gifted", "churning", "churned", "paused", "pastdue": // Buttondown: what they pay
		return Member
	case "unconfirmed", // listmonk
		"unactivated",                               // Buttondown
		"pending", "nonsubscribed", "transactional": // Mailchimp: the last two are customers who never asked
		return Unconfirmed
	case "unsubscribed", "optedout",
		"disabled", "blocklisted", "blacklisted", // listmonk
		"removed", "blocked": // Buttondown
		return Unsubscribed
	case "operator": // ours
		return Operator
	case "bounced", "hardbounced", "hardbounce", "invalid",
		"cleaned",                                            // Mailchimp
		"undeliverable", "spammy", "malformed", "disposable": // Buttondown
		return Bounced
	case "complained", "complaint", "abuse", "markedasspam":
		return Complained
	}
	return ""
}

// yesOrNo reads a cell that says yes or no.
func yesOrNo(word string) (yes, ok bool) {
	switch word {
	case "true", "yes", "y", "t", "1":
		return true, true
	case "false", "no", "n", "f", "0":
		return false, true
	}
	return false, false
}

// fold returns a name of a column, or a word in a status column, as they are
// compared: without case, blanks, hyphens and underscores.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\u00a0', '-', '_':
			return -1
		}
		return r
	}, strings.ToLower(s))
}
