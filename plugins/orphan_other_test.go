//go:build !unix

package plugins_test

// runHost is for tests with signals.
func runHost(string) {}
