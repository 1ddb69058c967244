// Package press takes an edition through its life: it assembles a draft from
// the articles at hand, holds it if it is too thin, freezes issue and
// recipients in one transaction, has the issue dispatched and says when it is
// complete.
//
// It owns the tables editions, transitions, issues and printed_articles. Every
// change of state is one transaction that also writes down who changed it and
// why.
//
// # From draft to issue
//
// A [Draft] is what the edition would be if it were frozen now; making one
// changes nothing. [Press.Freeze] turns a draft into a frozen edition: from
// then on its bytes and its recipients stay as they are, whatever becomes of
// the articles and the list, and every later command works on what was frozen.
package press
