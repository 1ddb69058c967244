// Package notices writes to one reader at a time, about their own subscription:
// do you want this list, is this your new address, your address was changed.
//
// Each notice is a row that package subscribers keeps; a [Desk] sends what is
// due, over the same mail servers as the editions and apart from them: a notice
// never waits for an edition on its way. What a mail server does not take now
// is tried again, for a day; a process that dies while it sends one leaves it to
// the next, which sends the same message again.
//
// A notice holds no word that a stranger has chosen, so that nobody can have
// our mail server send their text to somebody else.
package notices
