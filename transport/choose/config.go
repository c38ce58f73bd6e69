package choose

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/project-iris/iris/transport"
)

// Defaults.
const (
	// DefaultHeadStart is what RFC 8305, section 5, recommends as the delay
	// between attempts.
	DefaultHeadStart = 250 * time.Millisecond

	// DefaultRecheck is long enough to make the head start that a look costs
	// negligible, and short enough for an operator who has opened a firewall.
	DefaultRecheck = 5 * time.Minute
)

// maxBlocked bounds the memory of blocked candidates; beyond it the oldest is
// forgotten, which costs a head start.
const maxBlocked = 4096

// Config is what a Transport is made of. Only Transports is required.
type Config struct {
	// Transports are what to choose from, the preferred one first, each with
	// another scheme and all with the same versions. They belong to the chooser,
	// which closes them.
	Transports []transport.Transport

	// HeadStart is how long a candidate is alone; 0 means DefaultHeadStart.
	HeadStart time.Duration

	// Recheck is how long a blocked candidate comes last; 0 means
	// DefaultRecheck.
	Recheck time.Duration

	// Logger gets what the operator should know; nil means slog.Default().
	Logger *slog.Logger
}

// ErrConfig is what New returns for transports that cannot be told apart, that speak
// different versions, or none at all.
var ErrConfig = errors.New("choose: bad configuration")

func (c Config) resolve() (Config, error) {
	if len(c.Transports) == 0 {
		return c, fmt.Errorf("%w: no transports", ErrConfig)
	}
	seen := map[string]bool{}
	for _, t := range c.Transports {
		if seen[t.Scheme()] {
			return c, fmt.Errorf("%w: %q twice", ErrConfig, t.Scheme())
		}
		seen[t.Scheme()] = true
		if first := c.Transports[0]; t.Versions() != first.Versions() {
			return c, fmt.Errorf("%w: %s is to speak %v of the protocol between nodes, %s %v",
				ErrConfig, first.Scheme(), first.Versions(), t.Scheme(), t.Versions())
		}
	}
	if c.HeadStart == 0 {
		c.HeadStart = DefaultHeadStart
	}
	if c.Recheck == 0 {
		c.Recheck = DefaultRecheck
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}
