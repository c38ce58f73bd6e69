//go:build !unix

package strangers

import (
	"math"
	"net"
)

// Descriptors returns how many files and connections this process may have open, and
// [math.MaxInt] where nothing bounds them.
func Descriptors() int { return math.MaxInt }

// descriptor returns -1: numbers say nothing here about how many there are.
func descriptor(net.Conn) int { return -1 }
