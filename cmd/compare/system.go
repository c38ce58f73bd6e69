package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/process"
)

// system is something to compare.
type system struct {
	name      string
	transport string // between its servers, as -transport has it; empty: it is measured with either
	start     func(ctx context.Context, dir string) (*network, error)
}

// network is two servers of a system that run and are linked.
type network struct {
	load.System
	ports   [2]int // for applications
	group   *process.Group
	servers []*process.Process
}

func newNetwork(s load.System) *network { return &network{System: s, group: process.NewGroup()} }

// start starts a server.
func (n *network) start(dir, program string, args ...string) (*process.Process, error) {
	p, err := start(n.group, dir, program, fmt.Sprint(program, " ", len(n.servers)), args...)
	if err == nil {
		n.servers = append(n.servers, p)
	}
	return p, err
}

// stop ends the servers in good order.
func (n *network) stop() {
	for _, s := range n.servers {
		s.Stop(stopTimeout)
	}
	n.group.Close()
}

// resident is the mean memory of the servers, in bytes.
func (n *network) resident() (float64, error) {
	var all float64
	var failed error
	for _, s := range n.servers {
		m, err := s.Memory()
		all += float64(m.RSS)
		failed = errors.Join(failed, err)
	}
	return all / float64(len(n.servers)), failed
}

// The systems.
var (
	nats      = system{"NATS", "", startNATS}
	irisTCP   = system{"Iris, TCP", overTCP, startIris(overTCP)}
	irisQUIC  = system{"Iris, QUIC", overQUIC, startIris(overQUIC)}
	naiveTCP  = system{"chain that copies, TLS", overTCP, startNaive(overTCP)}
	naiveQUIC = system{"chain that copies, QUIC", overQUIC, startNaive(overQUIC)}
	rawTLS    = system{"one connection, TLS", overTCP, startTLS}
	rawQUIC   = system{"one connection, QUIC", overQUIC, startQUIC}
)

// The transports that -transport has.
const (
	overTCP  = "tcp"
	overQUIC = "quic"
)
