//go:build !unix

package strangers

import "math"

// Descriptors returns how many files and connections this process may have open, and
// [math.MaxInt] where nothing bounds them.
func Descriptors() int { return math.MaxInt }
