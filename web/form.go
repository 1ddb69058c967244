package web

import "slices"

// A problem is what is wrong with a form.
type problem struct {
	Field string // its ID; the form's own if it is not about one field
	Text  string
}

// problems are all that is wrong with a form.
type problems []problem

// In returns what is wrong with the field of that ID; empty: nothing.
func (p problems) In(field string) string {
	if i := slices.IndexFunc(p, func(one problem) bool { return one.Field == field }); i >= 0 {
		return p[i].Text
	}
	return ""
}

// A choice is a list as one can choose it.
type choice struct {
	ID    string
	Title string
	When  string // its editions come; may be empty
	On    bool
}
