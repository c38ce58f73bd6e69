package main

import (
	"context"
	"errors"

	"github.com/project-iris/iris/cmd/internal/load"
)

// system is something to compare.
type system struct {
	name  string
	start func(ctx context.Context, dir string) (*network, error)
}

// network is two servers of a system that run and are linked.
type network struct {
	load.System
	ports   [2]int // for applications
	servers []*process
}

func (n *network) stop() {
	for _, s := range n.servers {
		s.stop()
	}
}

// resident is the mean memory of the servers, in bytes.
func (n *network) resident() (float64, error) {
	var all float64
	var failed error
	for _, s := range n.servers {
		bytes, err := s.resident()
		all += bytes
		failed = errors.Join(failed, err)
	}
	return all / float64(len(n.servers)), failed
}

// The systems. The first is what the others are compared with.
var (
	nats     = system{"NATS", startNATS}
	irisTCP  = system{"Iris, TCP", startIris("tcp")}
	irisQUIC = system{"Iris, QUIC", startIris("quic")}
	rawTLS   = system{"TLS", startTLS}
	rawQUIC  = system{"QUIC", startQUIC}
)
