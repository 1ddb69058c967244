package sink

import (
	"bytes"
	"io"
	"time"
)

// An output gathers answers and sends them together: at once, or as late as
// they would arrive from a server that is far away.
type output struct {
	w       io.Writer
	rtt     time.Duration
	pending []byte

	late chan answers  // nil if rtt is 0
	done chan struct{} // closed when all that was put into late is written
}

// answers are on their way to a far client.
type answers struct {
	due   time.Time
	bytes []byte
}

func newOutput(w io.Writer, rtt time.Duration) *output {
	o := &output{w: w, rtt: rtt}
	if rtt > 0 {
		o.late, o.done = make(chan answers, 64), make(chan struct{})
		go o.travel()
	}
	return o
}

// travel writes each batch of answers when it is due. Meanwhile commands are
// read, as on a real line.
func (o *output) travel() {
	defer close(o.done)
	broken := false
	for a := range o.late {
		if broken {
			continue
		}
		time.Sleep(time.Until(a.due))
		_, err := o.w.Write(a.bytes)
		broken = err != nil
	}
}

func (o *output) add(line string) {
	o.pending = append(append(o.pending, line...), "\r\n"...)
}

// flush sends what was added.
func (o *output) flush() error {
	if len(o.pending) == 0 {
		return nil
	}
	defer func() { o.pending = o.pending[:0] }()
	if o.rtt > 0 {
		o.late <- answers{time.Now().Add(o.rtt), bytes.Clone(o.pending)}
		return nil
	}
	_, err := o.w.Write(o.pending)
	return err
}

// close waits until what was flushed is written.
func (o *output) close() {
	if o.rtt > 0 {
		close(o.late)
		<-o.done
	}
}
