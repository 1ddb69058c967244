package mailer

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"time"
)

// A Conn is a conversation with a relay, over which one message goes after the
// other. One goroutine at a time may use it.
//
// It speaks SMTP itself, on the connection that go-mail opened: go-mail's own
// way of writing DATA goes through every byte, ends a message politely that
// was only half written, and counts on one deadline for a whole conversation.
type Conn struct {
	text    *textproto.Conn
	net     *metered // below TLS: deadlines, bounds and closing
	timeout time.Duration
	maxSize int64
	limit   int // Relay.Messages
	begun   int // messages so far
	usable  bool
	open    bool // the server waits for a message

	// pipelining lets the commands of an envelope go out together.
	// https://www.rfc-editor.org/rfc/rfc2920
	pipelining bool

	// What is written and what was read last, kept for their memory alone.
	out   []byte
	words []byte
}

// An Envelope is whom a message is from and to, as mail servers see it.
type Envelope struct {
	Sender    string // bounces go there
	Recipient string
}

// check refuses what the caller should have checked long ago where it would do
// harm: here a CRLF begins another command.
func (e Envelope) check() error {
	for _, address := range [...]string{e.Sender, e.Recipient} {
		if err := checkMailbox(address); err != nil {
			return fmt.Errorf("envelope: %w", err)
		}
	}
	return nil
}

// quitTimeout is how long we wait for a goodbye that nobody needs.
const quitTimeout = 2 * time.Second

// MaxSize returns how large a message the server takes, in bytes; 0: it did
// not say.
func (c *Conn) MaxSize() int64 { return c.maxSize }

// Usable reports whether another message can be sent over c.
func (c *Conn) Usable() bool { return c.usable }

// Spent reports that as many messages were begun as the relay's Messages allows
// over one connection: no further one should be.
func (c *Conn) Spent() bool { return c.limit > 0 && c.begun >= c.limit }

// Send hands raw, a finished message, to the server, and returns its reply
// after the final dot: it has taken responsibility.
//
// A *ReplyError says that the server refused, an *InDoubtError that it may
// have the message; after any other error it does not have it. When ctx ends
// the connection is cut, which before the final dot loses nothing and after it
// leaves the message in doubt; the error then matches ctx's as well.
func (c *Conn) Send(ctx context.Context, env Envelope, raw []byte) (Reply, error) {
	if err := c.idle(ctx); err != nil {
		return Reply{}, err
	}
	if err := env.check(); err != nil {
		return Reply{}, err
	}
	m, err := NewWire(raw)
	if err != nil {
		return Reply{}, err
	}
	if err := c.checkSize(m); err != nil {
		return Reply{}, err
	}
	release := c.cutAtEnd(ctx)
	var reply Reply
	if err = c.begin(env); err == nil {
		reply, err = c.data(m)
	}
	if !release() {
		c.cut()
		if err != nil {
			err = because(ctx, err)
		}
	}
	return reply, err
}

// idle fails unless a message can be begun.
func (c *Conn) idle(ctx context.Context) error {
	switch {
	case !c.usable:
		return errors.New("the connection to the mail server is closed")
	case c.open:
		return errors.New("the mail server waits for another message")
	}
	return ctx.Err()
}

// checkSize refuses a message as the server would.
//
// https://www.rfc-editor.org/rfc/rfc1870#section-6.1
func (c *Conn) checkSize(m Wire) error {
	if c.maxSize == 0 || int64(m.Len()) <= c.maxSize {
		return nil
	}
	return &ReplyError{Command: "MAIL", Reply: Reply{Code: 552, Enhanced: "5.3.4",
		Text: fmt.Sprintf("not sent: the message has %d bytes, the server takes at most %d", m.Len(), c.maxSize)}}
}

// cutAtEnd cuts the connection when ctx ends. The function that it returns
// lets go of ctx and reports whether it had not ended by then. A ctx that
// cannot end costs nothing.
func (c *Conn) cutAtEnd(ctx context.Context) (release func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, c.net.cut)
}

// data sends the message proper, after a 354.
func (c *Conn) data(m Wire) (Reply, error) {
	c.open = false
	if _, err := c.write(m.stuffed); err != nil {
		// Nothing ended the message: the server will throw it away.
		c.cut()
		return Reply{}, fmt.Errorf("message: %w", err)
	}
	if err := c.inStep("message"); err != nil {
		c.cut()
		return Reply{}, err
	}
	// The dot goes out by itself, so that a failure before it is known to have
	// lost nothing.
	if _, err := c.write([]byte(".\r\n")); err != nil {
		c.cut()
		return Reply{}, &InDoubtError{err}
	}
	return c.taken()
}

// taken reads the reply to a final dot.
//
// A server may think longer about a message than about a command; giving up
// earlier makes one doubtful that it was about to accept.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.6
func (c *Conn) taken() (Reply, error) {
	reply, err := c.reply("message", 2, 2*c.timeout)
	if err == nil {
		return reply, nil
	}
	var refused *ReplyError
	if errors.As(err, &refused) { // the transaction is over
		if isOver(err) {
			c.cut()
		}
		return Reply{}, err
	}
	c.cut()
	return Reply{}, &InDoubtError{err}
}

// inStep fails if the server has said more than it was asked. What it says
// next would be taken for the answer to something else: a refusal for a 250.
func (c *Conn) inStep(name string) error {
	if n := c.text.R.Buffered(); n > 0 {
		return fmt.Errorf("%s: the mail server sent %d bytes unasked", name, n)
	}
	return nil
}

// write writes b, in one piece, and returns how many bytes of it are on their
// way: over TLS, how many stand in records that were written whole, and a
// record that was not says nothing to the server.
func (c *Conn) write(b []byte) (int, error) {
	if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	n, err := c.text.W.Write(b)
	if err == nil {
		err = c.text.W.Flush()
	}
	return n - c.text.W.Buffered(), err
}

// replyLimit bounds one reply, in bytes on the wire.
const replyLimit = 64 << 10

// reply reads one reply and compares it with want, a code or its first digit.
func (c *Conn) reply(command string, want int, timeout time.Duration) (Reply, error) {
	code, err := c.answer(command, want, timeout)
	if err != nil {
		return Reply{}, err
	}
	return newReply(code, string(c.words)), nil
}

// answer is reply for whom the server's words do not matter. They are in
// c.words until the next.
func (c *Conn) answer(command string, want int, timeout time.Duration) (code int, err error) {
	if err := c.net.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	c.net.allow(replyLimit)
	code, c.words, err = readReply(c.text.R, c.words[:0])
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", command, plainError{err})
	case code == want || code/100 == want:
		return code, nil
	case code >= 400 && code <= 599:
		return 0, &ReplyError{Command: command, Reply: newReply(code, string(c.words))}
	}
	// A server that answers DATA with a 250 has lost count; whatever it says
	// next would be taken for the answer to something else.
	return 0, fmt.Errorf("the mail server answered %s with %s", command, newReply(code, string(c.words)))
}

// isOver reports whether nothing more can be said after err: it is no refusal,
// or one with which the server closes.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-3.8
func isOver(err error) bool {
	var refused *ReplyError
	return !errors.As(err, &refused) || refused.Reply.Code == 421
}

// recover makes c ready for the next message after an envelope was refused, or
// cuts it. It returns err.
func (c *Conn) recover(err error) error {
	if !c.usable {
		return err
	}
	if isOver(err) {
		c.cut()
		return err
	}
	if resetErr := c.command("RSET", Envelope{}); resetErr != nil {
		c.cut()
	}
	return err
}

// cut closes the connection without a word: a QUIT would end a message that
// was only half written, and the server would deliver the half.
func (c *Conn) cut() {
	c.usable, c.open = false, false
	c.net.cut()
}

// Close says goodbye and closes the connection. If the server waits for a
// message the connection is cut: it might take the goodbye for one.
func (c *Conn) Close() error {
	if !c.usable {
		return nil
	}
	if c.open {
		c.cut()
		return nil
	}
	c.usable = false
	c.net.allow(replyLimit)
	if err := c.net.SetDeadline(time.Now().Add(quitTimeout)); err == nil {
		if _, err := c.text.W.WriteString("QUIT\r\n"); err == nil && c.text.W.Flush() == nil {
			_, _, _ = readReply(c.text.R, nil) // the answer changes nothing
		}
	}
	return c.net.Close()
}
