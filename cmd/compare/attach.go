package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
)

const (
	// attachers is how many clients attach at a time.
	attachers = 8
	// attached is how many clients are attached when memory is looked at.
	attached = 1000
	// settleTime is how long servers are left alone before their memory is looked at.
	settleTime = 2 * time.Second
)

// attachTrial attaches clients to a server, which detach at once.
func attachTrial(duration time.Duration) trial {
	return trial{
		name: "attach and detach", systems: []system{nats, irisTCP, irisQUIC},
		figures: []figure{{name: "attach and detach, 8 at a time", unit: perSecond}},
		run: func(ctx context.Context, n *network) ([]float64, error) {
			done, err := attachAndDetach(ctx, n, duration)
			return []float64{done / duration.Seconds()}, err
		},
	}
}

// attachAndDetach returns how often clients did in a time.
func attachAndDetach(ctx context.Context, n *network, duration time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var done atomic.Int64
	var clients sync.WaitGroup
	var failed error
	var once sync.Once
	for range attachers {
		clients.Go(func() {
			for ctx.Err() == nil {
				conn, err := n.Connect(context.WithoutCancel(ctx), n.ports[0])
				if err == nil {
					err = conn.Close()
				}
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				done.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(done.Load()), failed
}

// memoryTrial looks at the memory of servers that have nothing to do.
func memoryTrial() trial {
	idle := map[string]float64{irisTCP.name: 1, irisQUIC.name: 1}
	return trial{
		name: "memory", systems: []system{nats, irisTCP, irisQUIC},
		figures: []figure{
			{name: "resident memory of an idle server", unit: megabytes, lower: true, aims: idle},
			{name: "resident memory with 1,000 clients attached", unit: megabytes, lower: true},
		},
		run: func(ctx context.Context, n *network) ([]float64, error) {
			time.Sleep(settleTime)
			before, err := n.resident()
			if err != nil {
				return nil, err
			}
			after, err := residentWith(ctx, n, attached)
			return []float64{before, after}, err
		},
	}
}

// residentWith returns the memory of the first server with clients.
func residentWith(ctx context.Context, n *network, clients int) (bytes float64, err error) {
	var conns []load.Conn
	defer func() {
		var closing sync.WaitGroup
		for _, conn := range conns {
			closing.Go(func() { _ = conn.Close() })
		}
		closing.Wait()
	}()
	for range clients {
		conn, err := n.Connect(ctx, n.ports[0])
		if err != nil {
			return 0, err
		}
		conns = append(conns, conn)
	}
	time.Sleep(settleTime)
	m, err := n.servers[0].Memory()
	return float64(m.RSS), errors.Join(err, ctx.Err())
}
