//go:build !unix

package databasetest

import "context"

// launch is not to be had here: without a guard process the server could
// outlive the tests.
func launch(context.Context, string) (string, error) { return "", errMissing }
