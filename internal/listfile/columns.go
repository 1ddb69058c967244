package listfile

import (
	"fmt"
	"slices"
	"strings"
)

// A field is what a column says of a person.
type field int

const (
	unused field = iota
	email
	address // the email if there is no better column; else where somebody lives
	name
	firstName
	lastName
	format
	zone
	reason // why they are suppressed
	askedAt
	askedFrom
	confirmedAt
	confirmedFrom
	knownSince

	// What they stand as. A file may have several of these.
	status  // in a word
	mailed  // yes or no
	left    // yes or no
	bounced // yes or no
	leftAt  // a time, or nothing
	bouncedAt
)

func (f field) isStanding() bool { return f >= status }

// String returns what the column is taken for, for people.
func (f field) String() string {
	switch f {
	case email, address:
		return "address"
	case name:
		return "name"
	case firstName:
		return "first name"
	case lastName:
		return "last name"
	case format:
		return "format"
	case zone:
		return "time zone"
	case reason:
		return "why they are suppressed"
	case askedAt, askedFrom, confirmedAt, confirmedFrom, knownSince:
		return "note on the consent"
	case status:
		return "status"
	case mailed:
		return "whether they get mail"
	case left, leftAt:
		return "whether they have unsubscribed"
	case bounced, bouncedAt:
		return "whether the address bounced"
	}
	return "not used"
}

// fieldOf returns what a column of that folded name says. Beside each name is
// who writes it.
//
// listmonk: uuid, email, name, attributes, status, created_at, updated_at.
// Mailchimp: a file each for subscribed, unsubscribed and cleaned contacts; the
// columns of the first are those of all, LAST_CHANGED is only in the first.
// Ghost: id, email, name, note, subscribed_to_emails, and what they pay.
// Substack: email, active_subscription, which is about money, email_disabled.
// Buttondown: email_address, type, creation_date.
func fieldOf(folded string) field {
	switch folded {
	case "email", // listmonk, Ghost, Substack, ours
		"emailaddress", // Mailchimp, Buttondown
		"subscriberemail":
		return email
	case "address":
		return address
	case "name", // listmonk, Ghost, ours
		"fullname":
		return name
	case "firstname", "fname": // Mailchimp: as a column, as the tag of the field
		return firstName
	case "lastname", "lname": // Mailchimp
		return lastName
	case "format", // ours
		"emailformat", "emailtype": // Mailchimp
		return format
	case "zone", // ours
		"timezone", "tz": // Mailchimp writes TIMEZONE
		return zone
	case "statusreason": // ours
		return reason
	case "optintime": // Mailchimp
		return askedAt
	case "optinip": // Mailchimp
		return askedFrom
	case "confirmtime": // Mailchimp
		return confirmedAt
	case "confirmip": // Mailchimp
		return confirmedFrom
	case "createdat", // listmonk, Ghost, Substack
		"creationdate": // Buttondown
		return knownSince
	}
	return standingField(folded)
}

// standingField returns what a column of that folded name says of how people
// stand, or unused.
func standingField(folded string) field {
	switch folded {
	case "status", // listmonk: of the account; ours
		"subscriptionstatus",   // listmonk: of the list
		"emailmarketingstatus", // Mailchimp
		"subscribertype":       // Buttondown; see also setColumns
		return status
	case "subscribedtoemails", // Ghost
		"subscribed", "issubscribed":
		return mailed
	case "emaildisabled", "emailsdisabled", // Substack
		"unsubscribed", "optedout", "emailoptout":
		return left
	case "bounced", "hardbounced":
		return bounced
	case "unsubtime", // Mailchimp
		"deletedat", // Ghost
		"unsubscribedat":
		return leftAt
	case "cleantime", // Mailchimp
		"bouncedat":
		return bouncedAt
	}
	return unused
}

// A Column is what a column of a file was taken for.
type Column struct {
	Name  string `json:"name"`
	Means string `json:"means"` // for people, such as "time zone" or "not used"

	folded string
	field  field
	index  int
}

// Unused reports whether the column was taken for nothing.
func (c Column) Unused() bool { return c.field == unused }

// setColumns finds out what the columns mean by their names.
func (r *Reader) setColumns(cells [][]byte) error {
	r.columns = make([]Column, len(cells))
	for i, cell := range cells {
		shown := strings.TrimSpace(unguard(string(cell)))
		r.columns[i] = Column{Name: shown, folded: fold(shown), index: i}
		r.columns[i].field = fieldOf(r.columns[i].folded)
	}
	// Only there: elsewhere it says what they pay, or anything.
	buttondown := r.has("emailaddress") && (r.has("creationdate") || r.has("undeliverabilityreason"))
	for i := range r.columns {
		c := &r.columns[i]
		switch {
		case c.folded == "type" && buttondown:
			c.field = status
		case c.field == address && r.first(email) != nil:
			c.field = unused
		case c.field == address:
			c.field = email
		}
		c.Means = c.field.String()
	}
	if r.first(email) == nil {
		return &RowError{"there is no column email or address: the first line must name the columns"}
	}
	if err := r.unambiguous(); err != nil {
		return err
	}
	for _, c := range r.columns {
		if c.field.isStanding() {
			r.standings = append(r.standings, c)
		}
	}
	r.gone = (r.has("unsubtime") || r.has("cleantime")) && !r.has("lastchanged") &&
		!slices.ContainsFunc(r.standings, func(c Column) bool { return c.field == status || c.field == mailed })
	return nil
}

// unambiguous fails if two columns say the same.
func (r *Reader) unambiguous() error {
	for i, c := range r.columns {
		for _, d := range r.columns[:i] {
			same := c.field == d.field && (!c.field.isStanding() || c.folded == d.folded)
			if c.field != unused && same {
				return &RowError{fmt.Sprintf("there are two columns for the %s, %q and %q: leave one of them", c.field, d.Name, c.Name)}
			}
		}
	}
	return nil
}

// has reports whether there is a column of that folded name.
func (r *Reader) has(folded string) bool {
	return slices.ContainsFunc(r.columns, func(c Column) bool { return c.folded == folded })
}

// first returns the column that says f, or nil.
func (r *Reader) first(f field) *Column {
	for i := range r.columns {
		if r.columns[i].field == f {
			return &r.columns[i]
		}
	}
	return nil
}
