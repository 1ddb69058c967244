package sink

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Delivery is one line of a ledger: one message to one recipient.
type Delivery struct {
	At         time.Time
	Connection int64
	Recipient  string
	MessageID  string
	Bytes      int64
	SHA256     string // of the message as it came, doubled dots included
}

// record writes one line of the ledger and returns when the operating system
// has it: after that a death of this process or its client changes nothing.
func (x *session) record(recipient, id, message []byte) error {
	if x.s.ledger == nil {
		return nil
	}
	sum := sha256.Sum256(message)
	b := strconv.AppendInt(x.line[:0], time.Now().UnixNano(), 10)
	b = strconv.AppendInt(append(b, '\t'), x.id, 10)
	b = append(append(b, '\t'), recipient...)
	b = append(append(b, '\t'), id...)
	b = strconv.AppendInt(append(b, '\t'), int64(len(message)), 10)
	b = hex.AppendEncode(append(b, '\t'), sum[:])
	b = append(b, '\n')
	x.line = b
	// One write a line: appended whole, whoever else writes.
	_, err := x.s.ledger.Write(b)
	return err
}

// ReadLedger calls f for each delivery in file, in the order of their lines. A
// file that is not there has none.
func ReadLedger(file string, f func(Delivery)) error {
	r, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		d, err := parseDelivery(lines.Text())
		if err != nil {
			return fmt.Errorf("sink: %s:%d: %w", file, n, err)
		}
		f(d)
	}
	return lines.Err()
}

func parseDelivery(line string) (Delivery, error) {
	part := strings.Split(line, "\t")
	if len(part) != 6 {
		return Delivery{}, fmt.Errorf("a line of %d parts, want 6", len(part))
	}
	at, err1 := strconv.ParseInt(part[0], 10, 64)
	connection, err2 := strconv.ParseInt(part[1], 10, 64)
	size, err3 := strconv.ParseInt(part[4], 10, 64)
	return Delivery{
		At: time.Unix(0, at), Connection: connection, Recipient: part[2], MessageID: part[3], Bytes: size, SHA256: part[5],
	}, errors.Join(err1, err2, err3)
}
