package network

import (
	"errors"
	"fmt"
	"time"
)

// The numbers of nodes that a network can have here. Three are needed to lose one that serves
// requests while another one goes on.
const (
	MinNodes = 3
	MaxNodes = 1000
)

// Config says what network to run, and what to measure.
type Config struct {
	// Program is the path of the program iris, and Env its environment variables,
	// NAME=VALUE. Default of the latter: those of this process.
	Program string
	Env     []string

	// Nodes is how many there are, from MinNodes to MaxNodes.
	Nodes int
	// Seeds is how many of them, the first ones, the others are told to join: at least one,
	// and less than Nodes.
	Seeds int
	// Transport is what links are made over: the node's flag -transport.
	Transport string
	// Spread is the time within which the nodes are started. A busy machine may need more.
	Spread time.Duration

	// Idle is how long they are left alone, after Settle, while they are measured. Zero:
	// this is not measured.
	Idle, Settle time.Duration
	// Pairs is how many times two nodes are drawn, of which an application of one asks one
	// of the other: the first request, and Requests more, one at a time. Zero: no requests
	// are measured.
	Pairs, Requests int
	// Losses says to measure how nodes are missed.
	Losses bool

	// Progress is called when a phase begins, if it is not nil.
	Progress func(phase string)
}

// ErrConfig says that a network cannot be as it was configured.
var ErrConfig = errors.New("cannot run this network")

func (c *Config) check() error {
	switch {
	case c.Nodes < MinNodes || c.Nodes > MaxNodes:
		return fmt.Errorf("%w: %d nodes; it has %d to %d", ErrConfig, c.Nodes, MinNodes, MaxNodes)
	case c.Seeds < 1 || c.Seeds >= c.Nodes:
		return fmt.Errorf("%w: %d nodes to join; at least one, and less than there are nodes", ErrConfig, c.Seeds)
	case c.Spread < 0 || c.Settle < 0 || c.Idle < 0 || c.Pairs < 0 || c.Requests < 0:
		return fmt.Errorf("%w: less than nothing of time, pairs or requests", ErrConfig)
	}
	return c.checkFiles()
}

// spareFiles is how many files a process has open besides what grows with the network.
const spareFiles = 128

// checkFiles compares the files that processes will have open with what the system allows.
// A node has a connection to each other one where the transport is TCP. This process has a
// pipe from each node, a descriptor of its process, and two connections for each pair.
//
// Ports are not checked: a node listens on three that the system picks, and connections to
// different ports share theirs.
func (c *Config) checkFiles() error {
	most, known := maxFiles()
	needed := uint64(max(2*c.Nodes+2*c.Pairs, c.Nodes) + spareFiles)
	if known && needed > most {
		return fmt.Errorf("%w: %d nodes need %d open files in a process, and the system allows %d: raise it (ulimit -Hn), or start fewer",
			ErrConfig, c.Nodes, needed, most)
	}
	return nil
}
