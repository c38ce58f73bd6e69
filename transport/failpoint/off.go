//go:build !failpoints

package failpoint

// Enabled says whether tests can have points fail.
const Enabled = false

// Hit does nothing.
func Hit(string) error { return nil }
