//go:build !unix

package databasetest

// launch is not to be had here: without a guard process the server could
// outlive the tests.
func launch(string) (string, error) { return "", errMissing }
