package mailer

import (
	"context"
	"errors"
	"fmt"
)

// Delivered is what became of a message, and of the transaction after it.
type Delivered struct {
	Reply Reply // to the message, if Err is nil

	// Err is a *ReplyError if the server refused the message, an *InDoubtError
	// if it may have it; after any other error it does not have it.
	Err error

	// NextErr says why the next transaction is not open: nil if it is, or if
	// none was asked for. A *ReplyError refuses the next envelope; nothing of
	// the next message is ever in doubt.
	NextErr error
}

// errNotBegun says of an envelope that the server was not asked about it, or
// that its answer was not read.
var errNotBegun = errors.New("the conversation ended before this envelope was answered")

// IsOpen reports whether a transaction is open: the server waits for the
// message of the envelope that was opened last.
func (c *Conn) IsOpen() bool { return c.open }

// Open begins a mail transaction for env: MAIL, RCPT, DATA. After it the server
// waits for the message, and Deliver must follow, or Close.
//
// Its errors are those of Send; none leaves anything in doubt.
func (c *Conn) Open(ctx context.Context, env Envelope) error {
	if err := c.idle(ctx); err != nil {
		return err
	}
	if err := env.check(); err != nil {
		return err
	}
	release := c.cutAtEnd(ctx)
	err := c.begin(env)
	if !release() {
		c.cut()
		return because(ctx, err)
	}
	return err
}

// because returns the end of ctx as the reason of err, which may be nil.
func because(ctx context.Context, err error) error {
	if err == nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

// Deliver hands over m, for the envelope that was opened last, and, if next is
// not nil, opens the next transaction in the same breath: where the server
// offers pipelining, the message, its final dot and the next envelope go out in
// one write, and a message costs one round trip.
//
// A message that is not handed over, for whatever reason, takes the connection
// with it: the transaction was its own, and no other may get into it. When ctx
// ends the connection is cut, as in Send.
func (c *Conn) Deliver(ctx context.Context, m Wire, next *Envelope) Delivered {
	if err := c.mayDeliver(ctx, m); err != nil {
		if c.open {
			c.cut()
		}
		if next == nil {
			return Delivered{Err: err}
		}
		return Delivered{Err: err, NextErr: errNotBegun}
	}
	release := c.cutAtEnd(ctx)
	d := c.deliver(m, next)
	if !release() {
		c.cut()
		if d.Err != nil {
			d.Err = because(ctx, d.Err)
		}
		if next != nil {
			d.NextErr = because(ctx, d.NextErr)
		}
	}
	return d
}

// mayDeliver fails if m cannot be handed over.
func (c *Conn) mayDeliver(ctx context.Context, m Wire) error {
	switch {
	case !c.usable:
		return errors.New("the connection to the mail server is closed")
	case !c.open:
		return errors.New("no transaction is open")
	case len(m.stuffed) == 0:
		return errors.New("message: it is empty")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.checkSize(m)
}

func (c *Conn) deliver(m Wire, next *Envelope) (d Delivered) {
	if next != nil {
		if d.NextErr = next.check(); d.NextErr != nil {
			next = nil
		}
	}
	ahead := next
	if !c.pipelining {
		ahead = nil
	}
	d.Reply, d.Err = c.handOver(m, ahead)
	switch {
	case next == nil:
	case !c.usable:
		d.NextErr = errNotBegun
	case ahead == nil:
		d.NextErr = c.begin(*next)
	default:
		d.NextErr = c.opened(c.answers())
	}
	return d
}

// handOver writes m, its final dot and, unless next is nil, what opens the next
// transaction, all at once, and reads the reply to the message.
//
// A message may be the first thing in a group of commands.
// https://www.rfc-editor.org/rfc/rfc2920#section-3.1
func (c *Conn) handOver(m Wire, next *Envelope) (Reply, error) {
	c.open = false
	if err := c.inStep("message"); err != nil {
		c.cut()
		return Reply{}, err
	}
	c.out = append(append(c.out[:0], m.stuffed...), ".\r\n"...)
	if next != nil {
		c.begun++
		c.out = appendEnvelope(c.out, *next)
	}
	n, err := c.write(c.out)
	if err == nil {
		return c.taken()
	}
	c.cut()
	err = fmt.Errorf("message: %w", err)
	if n > len(m.stuffed) {
		return Reply{}, &InDoubtError{err}
	}
	return Reply{}, err // without its dot the server throws it away
}

// begin opens a transaction. If it is refused c is ready for another, or cut.
func (c *Conn) begin(env Envelope) error {
	c.begun++
	if c.pipelining {
		return c.opened(c.together(env))
	}
	return c.opened(c.inTurn(env))
}

// opened takes down that a transaction was opened or, with an error, was not.
func (c *Conn) opened(err error) error {
	if err != nil {
		return c.recover(err)
	}
	c.open = true
	return nil
}

// envelopeCommands returns the commands that open a transaction, in order.
func envelopeCommands() [3]string { return [...]string{"MAIL", "RCPT", "DATA"} }

// appendCommand appends the line of one command. The addresses of env were
// checked: they hold no CRLF.
func appendCommand(b []byte, name string, env Envelope) []byte {
	b = append(b, name...)
	switch name {
	case "MAIL":
		b = append(append(append(b, " FROM:<"...), env.Sender...), '>')
	case "RCPT":
		b = append(append(append(b, " TO:<"...), env.Recipient...), '>')
	}
	return append(b, "\r\n"...)
}

func appendEnvelope(b []byte, env Envelope) []byte {
	for _, name := range envelopeCommands() {
		b = appendCommand(b, name, env)
	}
	return b
}

// wanted returns what the reply to a command must be, a code or its first
// digit.
func wanted(command string) int {
	if command == "DATA" {
		return 354
	}
	return 2
}

// inTurn sends each command when the one before it was answered.
func (c *Conn) inTurn(env Envelope) error {
	for _, name := range envelopeCommands() {
		if err := c.command(name, env); err != nil {
			return err
		}
	}
	return nil
}

// command sends one command and reads its reply, which must be a 2yz, or a 354
// after DATA.
func (c *Conn) command(name string, env Envelope) error {
	if err := c.inStep(name); err != nil {
		return err
	}
	c.out = appendCommand(c.out[:0], name, env)
	if _, err := c.write(c.out); err != nil {
		return err
	}
	_, err := c.answer(name, wanted(name), c.timeout)
	return err
}

// together sends all commands in one write and then reads all replies, which
// costs one round trip instead of three.
func (c *Conn) together(env Envelope) error {
	if err := c.inStep("MAIL"); err != nil {
		return err
	}
	c.out = appendEnvelope(c.out[:0], env)
	if _, err := c.write(c.out); err != nil {
		return err
	}
	return c.answers()
}

// answers reads the replies to an envelope that was sent in one piece.
//
// Whatever is refused, every reply is read: one that is left over would be
// taken for the answer to something else.
func (c *Conn) answers() error {
	var refusal error
	for _, name := range envelopeCommands() {
		_, err := c.answer(name, wanted(name), c.timeout)
		switch {
		case err == nil:
		case isOver(err):
			return err
		case refusal == nil:
			refusal = err
		}
		if err == nil && name == "DATA" && refusal != nil {
			// Nobody is to get this message and the server waits for it all
			// the same. https://www.rfc-editor.org/rfc/rfc2920#section-3.1
			return c.endEmpty(refusal)
		}
	}
	if refusal != nil {
		// A server that gave up on the message before its end takes the rest
		// of it for commands and refuses one after the other: no reader is to
		// be struck off for that.
		if err := c.inStep("RSET"); err != nil {
			return err
		}
	}
	return refusal
}

// endEmpty ends a message that has no recipient before it has begun. It
// returns refusal, which is why; whatever comes now, nobody has the message.
func (c *Conn) endEmpty(refusal error) error {
	_, err := c.write([]byte(".\r\n"))
	if err == nil {
		_, err = c.answer("message", 2, 2*c.timeout)
	}
	if err != nil && isOver(err) {
		c.cut()
	}
	return refusal
}
