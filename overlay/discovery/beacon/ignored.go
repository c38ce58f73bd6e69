package beacon

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// ignored counts packets that were ignored, by reason, and says so once a minute. One
// goroutine owns it.
type ignored struct {
	log    *slog.Logger
	counts [len(reasons)]uint64 // since the last line
	said   time.Time
}

// reasons are those that an operator may want to know of. ErrOwn and ErrRepeated are not:
// packets come back to their sender, and come on several ways.
var reasons = [...]struct {
	err error
	key string
}{
	{ErrSeal, "unsealed"},
	{ErrSize, "wrong_size"},
	{ErrTime, "wrong_time"},
	{ErrVersion, "wrong_version"},
	{ErrContent, "malformed"},
}

// note counts a packet, and says how many there were if it is time to.
func (i *ignored) note(now time.Time, from netip.AddrPort, err error) {
	known := false
	for n, r := range reasons {
		if errors.Is(err, r.err) {
			i.counts[n]++
			known = true
		}
	}
	if !known || !i.said.IsZero() && now.Sub(i.said) < sayAfter {
		return
	}
	args := []any{"addr", from.Addr()}
	for n, r := range reasons {
		if i.counts[n] > 0 {
			args = append(args, r.key, i.counts[n])
		}
	}
	i.log.Info("beacons are ignored that no node of this network has sealed", args...)
	i.said, i.counts = now, [len(reasons)]uint64{}
}
