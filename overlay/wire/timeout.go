package wire

import (
	"math"
	"time"
)

// Duration converts a timeout of the protocol, in microseconds. What exceeds the range of a
// time.Duration is cut to it.
func Duration(us uint64) time.Duration {
	if us > math.MaxInt64/uint64(time.Microsecond) {
		return math.MaxInt64
	}
	return time.Duration(us) * time.Microsecond
}
