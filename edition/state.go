package edition

// A State is where an edition stands in its life. The states that end it are
// complete, missed, canceled and replaced.
type State string

// The states of an edition, in the order it goes through them.
const (
	// Planned: the slot's time is known, nothing was assembled yet.
	Planned State = "planned"
	// Draft: assembled from the articles at hand; changes with them.
	Draft State = "draft"
	// Held: something keeps it from going out, such as too few articles. It
	// goes back to draft by an editor's word, or when it is assembled again.
	Held State = "held"
	// Frozen: issue and recipients are fixed and will never change.
	Frozen State = "frozen"
	// Dispatching: deliveries are under way, or wait for their next attempt.
	Dispatching State = "dispatching"
	// Complete: every recipient has an end.
	Complete State = "complete"
	// Missed: its time went by while nothing ran; it will not be sent.
	Missed State = "missed"
	// Canceled: an editor stopped it.
	Canceled State = "canceled"
	// Replaced: an editor put another issue in its place.
	Replaced State = "replaced"
)

// States lists every state in the order of an edition's life.
func States() []State {
	return []State{Planned, Draft, Held, Frozen, Dispatching, Complete, Missed, Canceled, Replaced}
}

// IsFrozen reports whether content and audience are fixed in s.
func (s State) IsFrozen() bool {
	switch s {
	case Frozen, Dispatching, Complete, Replaced:
		return true
	}
	return false
}
