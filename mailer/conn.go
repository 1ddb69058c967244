package mailer

import (
	"bytes"
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
	usable  bool

	// pipelining lets the commands of an envelope go out together.
	// https://www.rfc-editor.org/rfc/rfc2920
	pipelining bool
}

// An Envelope is whom a message is from and to, as mail servers see it.
type Envelope struct {
	Sender    string // bounces go there
	Recipient string
}

// quitTimeout is how long we wait for a goodbye that nobody needs.
const quitTimeout = 2 * time.Second

// MaxSize returns how large a message the server takes, in bytes; 0: it did
// not say.
func (c *Conn) MaxSize() int64 { return c.maxSize }

// Usable reports whether another message can be sent over c.
func (c *Conn) Usable() bool { return c.usable }

// Send hands raw, a finished message, to the server, and returns its reply
// after the final dot: it has taken responsibility.
//
// A *ReplyError says that the server refused, an *InDoubtError that it may
// have the message; after any other error it does not have it. When ctx ends
// the connection is cut, which before the final dot loses nothing and after it
// leaves the message in doubt; the error then matches ctx's as well.
func (c *Conn) Send(ctx context.Context, env Envelope, raw []byte) (Reply, error) {
	if !c.usable {
		return Reply{}, errors.New("the connection to the mail server is closed")
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	// What the caller has checked long ago is checked again where it would do
	// harm: here a CRLF begins another command, or ends the message.
	for _, address := range []string{env.Sender, env.Recipient} {
		if err := checkMailbox(address); err != nil {
			return Reply{}, fmt.Errorf("envelope: %w", err)
		}
	}
	if !isWireForm(raw) {
		return Reply{}, errors.New("message: not all lines end with CRLF")
	}
	if c.maxSize > 0 && int64(len(raw)) > c.maxSize {
		// https://www.rfc-editor.org/rfc/rfc1870#section-6.1
		return Reply{}, &ReplyError{Command: "MAIL", Reply: Reply{Code: 552, Enhanced: "5.3.4",
			Text: fmt.Sprintf("not sent: the message has %d bytes, the server takes at most %d", len(raw), c.maxSize)}}
	}
	release := context.AfterFunc(ctx, c.net.cut)
	reply, err := c.transact(env, raw)
	if !release() {
		c.usable = false
		if err != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
	return reply, err
}

// isWireForm reports whether every line of raw ends with CRLF and none holds
// another CR or LF. Servers disagree on what a lone one is, and some take
// "LF . LF" for the end of a message and the rest for commands.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
func isWireForm(raw []byte) bool {
	lines := bytes.Count(raw, []byte("\r\n"))
	return bytes.HasSuffix(raw, []byte("\r\n")) &&
		bytes.Count(raw, []byte("\r")) == lines && bytes.Count(raw, []byte("\n")) == lines
}

// transact holds one mail transaction.
func (c *Conn) transact(env Envelope, raw []byte) (Reply, error) {
	commands := []command{
		{"MAIL", "MAIL FROM:<" + env.Sender + ">"},
		{"RCPT", "RCPT TO:<" + env.Recipient + ">"},
		{"DATA", "DATA"},
	}
	open := c.inTurn
	if c.pipelining {
		open = c.together
	}
	if err := open(commands); err != nil {
		return Reply{}, c.recover(err)
	}
	return c.data(raw)
}

// A command is a line that the server answers.
type command struct{ name, line string }

// want returns what the reply to c must be, a code or its first digit.
func (c command) want() int {
	if c.name == "DATA" {
		return 354
	}
	return 2
}

// inTurn sends each command when the one before it was answered.
func (c *Conn) inTurn(commands []command) error {
	for _, cmd := range commands {
		if err := c.command(cmd); err != nil {
			return err
		}
	}
	return nil
}

// together sends all commands in one write and then reads all replies, which
// costs one round trip instead of three. The last of commands is DATA.
//
// Whatever is refused, every reply is read: one that is left over would be
// taken for the answer to something else.
func (c *Conn) together(commands []command) error {
	if err := c.inStep(commands[0].name); err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, cmd := range commands {
		lines.WriteString(cmd.line + "\r\n")
	}
	if err := c.write(lines.Bytes()); err != nil {
		return err
	}
	var refusal error
	for _, cmd := range commands {
		_, err := c.reply(cmd.name, cmd.want(), c.timeout)
		var refused *ReplyError
		switch {
		case err == nil:
		case !errors.As(err, &refused) || refused.Reply.Code == 421:
			return err
		case refusal == nil:
			refusal = err
		}
		if err == nil && cmd.name == "DATA" && refusal != nil {
			// Nobody is to get this message and the server waits for it all
			// the same. https://www.rfc-editor.org/rfc/rfc2920#section-3.1
			return c.endEmpty(refusal)
		}
	}
	return refusal
}

// endEmpty ends a message that has no recipient before it has begun. It
// returns refusal, which is why; whatever comes now, nobody has the message.
func (c *Conn) endEmpty(refusal error) error {
	err := c.write([]byte(".\r\n"))
	if err == nil {
		_, err = c.reply("message", 2, 2*c.timeout)
	}
	var refused *ReplyError
	if err != nil && (!errors.As(err, &refused) || refused.Reply.Code == 421) {
		c.cut()
	}
	return refusal
}

// command sends one command and reads its reply, which must be a 2yz, or a 354
// after DATA.
func (c *Conn) command(cmd command) error {
	if err := c.inStep(cmd.name); err != nil {
		return err
	}
	if err := c.write([]byte(cmd.line + "\r\n")); err != nil {
		return err
	}
	_, err := c.reply(cmd.name, cmd.want(), c.timeout)
	return err
}

// inStep fails if the server has said more than it was asked. What it says
// next would be taken for the answer to something else: a refusal for a 250.
func (c *Conn) inStep(name string) error {
	if n := c.text.R.Buffered(); n > 0 {
		return fmt.Errorf("%s: the mail server sent %d bytes unasked", name, n)
	}
	return nil
}

// data sends the message proper, after a 354.
func (c *Conn) data(raw []byte) (Reply, error) {
	if err := c.write(stuff(raw)); err != nil {
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
	if err := c.write([]byte(".\r\n")); err != nil {
		c.cut()
		return Reply{}, &InDoubtError{err}
	}
	// A server may think longer about a message than about a command; giving up
	// earlier makes one doubtful that it was about to accept.
	//
	// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.6
	reply, err := c.reply("message", 2, 2*c.timeout)
	var refused *ReplyError
	switch {
	case err == nil:
		return reply, nil
	case errors.As(err, &refused):
		return Reply{}, c.recover(err)
	}
	c.cut()
	return Reply{}, &InDoubtError{err}
}

// stuff doubles the dots at the beginnings of lines.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
func stuff(raw []byte) []byte {
	if bytes.HasPrefix(raw, []byte(".")) {
		raw = append([]byte("."), raw...)
	}
	return bytes.ReplaceAll(raw, []byte("\r\n."), []byte("\r\n.."))
}

func (c *Conn) write(b []byte) error {
	if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := c.text.W.Write(b); err != nil {
		return err
	}
	return c.text.W.Flush()
}

// replyLimit bounds one reply, in bytes on the wire.
const replyLimit = 64 << 10

// reply reads one reply and compares it with want, a code or its first digit.
func (c *Conn) reply(command string, want int, timeout time.Duration) (Reply, error) {
	if err := c.net.SetDeadline(time.Now().Add(timeout)); err != nil {
		return Reply{}, err
	}
	c.net.allow(replyLimit)
	code, text, err := c.text.ReadResponse(want)
	var refused *textproto.Error
	switch {
	case err == nil:
		return newReply(code, text), nil
	case errors.As(err, &refused) && refused.Code >= 400 && refused.Code <= 599:
		return Reply{}, &ReplyError{Command: command, Reply: newReply(refused.Code, text)}
	case errors.As(err, &refused):
		// A server that answers DATA with a 250 has lost count; whatever it
		// says next would be taken for the answer to something else.
		return Reply{}, fmt.Errorf("the mail server answered %s with %s", command, newReply(refused.Code, text))
	}
	return Reply{}, fmt.Errorf("%s: %w", command, plainError{err})
}

// recover makes c ready for the next message after a refusal, or cuts it. It
// returns err.
func (c *Conn) recover(err error) error {
	if !c.usable {
		return err
	}
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Reply.Code == 421 {
		// 421: the server is about to close.
		// https://www.rfc-editor.org/rfc/rfc5321#section-3.8
		c.cut()
		return err
	}
	if refused.Command == "message" {
		return err // the transaction is over
	}
	if resetErr := c.command(command{"RSET", "RSET"}); resetErr != nil {
		c.cut()
	}
	return err
}

// cut closes the connection without a word: a QUIT would end a message that
// was only half written, and the server would deliver the half.
func (c *Conn) cut() {
	c.usable = false
	c.net.cut()
}

// Close says goodbye and closes the connection.
func (c *Conn) Close() error {
	if !c.usable {
		return nil
	}
	c.usable = false
	c.net.allow(replyLimit)
	if err := c.net.SetDeadline(time.Now().Add(quitTimeout)); err == nil {
		if _, err := c.text.W.WriteString("QUIT\r\n"); err == nil && c.text.W.Flush() == nil {
			_, _, _ = c.text.ReadResponse(2) // the answer changes nothing
		}
	}
	return c.net.Close()
}
