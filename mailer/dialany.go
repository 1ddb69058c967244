package mailer

import (
	"context"
	"errors"
)

// DialAny connects to the first of relays that is to be had. If none is, the
// error joins those of all; see Relay.Dial.
func DialAny(ctx context.Context, relays []Relay) (*Conn, error) {
	var errs []error
	for _, relay := range relays {
		conn, err := relay.Dial(ctx)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
