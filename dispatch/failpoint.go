package dispatch

// A point is a place on a delivery's way at which the tests have a process die.
type point string

// The points, in order.
const (
	batchJournaled point = "after the journal of a batch was made, before the batch is taken"
	batchTaken     point = "after a batch was taken"
	deliveryTaken  point = "after a delivery was taken"
	beforeBegin    point = "before the journal has that a message begins"
	afterBegin     point = "after the journal has it, before the message goes out"
	afterDeliver   point = "after the reply, before the journal has it"
	afterEnd       point = "after the journal has the reply, before the ledger"
	afterLedger    point = "after the ledger has it"
	batchReturned  point = "after a batch was given back, before its journal is removed"
)

// reach says that the run has come to p.
func (d *Dispatcher) reach(p point) {
	if d.failpoint != nil {
		d.failpoint(p)
	}
}
