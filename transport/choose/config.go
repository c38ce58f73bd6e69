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

// spread is the time in which the dials of all hosts in a list have begun, however many
// there are. It leaves room in the two seconds that a node takes to look for one that it has
// lost.
const spread = time.Second

// maxCandidates bounds what is dialled of one list, which other nodes have a say in: 16
// hosts, each by three transports.
const maxCandidates = 48

// maxBlocked bounds the memory of blocked candidates; beyond it the oldest is
// forgotten, which costs a head start.
const maxBlocked = 4096

// Config is what a Transport is made of. Only Transports is required.
type Config struct {
	// Transports are what to choose from, the preferred one first, each with
	// another scheme and all with the same versions. They belong to the chooser,
	// which closes them.
	Transports []transport.Transport

	// Arrange returns the addresses of a list, each with its scheme, in the order in
	// which they are to be dialled. It may leave some out, which are this node's own, and
	// replace others. It is called for each dial, and must not block. Default: they stay
	// as they are.
	Arrange func(addrs []string) []string

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
	if c.Arrange == nil {
		c.Arrange = func(addrs []string) []string { return addrs }
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
