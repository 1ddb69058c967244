package main

import (
	"context"
	"errors"
	"strings"
)

// The exit statuses, for scripts and cron.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitHeld   = 3 // held, or nothing to do
)

// An exitError is an error that decides the exit status. If err is nil there
// is nothing to say beyond the status.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// wrongUse marks err as a mistake in the command line. Commands use it for
// what flags cannot check by themselves, such as a date.
func wrongUse(err error) error { return &exitError{exitUsage, err} }

// held marks err as no failure: an edition is held, or there is nothing to do.
// err may be nil.
func held(err error) error { return &exitError{exitHeld, err} }

// exitCode returns the exit status that err stands for.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	}
	return exitFailed
}

// plainError returns the words for err. Whoever pressed Ctrl-C does not know
// what a context is.
func plainError(err error) string {
	if errors.Is(err, context.Canceled) {
		return strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted")
	}
	return err.Error()
}
