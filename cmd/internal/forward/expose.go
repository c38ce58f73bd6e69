package forward

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Exposer makes what listens at an address a member of a cluster.
type Exposer struct {
	config  Config
	name    string
	target  Address
	conns   *connections
	doubted chan struct{} // holds one when the target has failed
}

// NewExposer returns an exposer of a target under a name, which does nothing before Run.
func NewExposer(name string, target Address, config Config) *Exposer {
	config = config.withDefaults()
	config.Logger = config.Logger.With("cluster", name, "target", target.String())
	return &Exposer{
		config:  config,
		name:    name,
		target:  target.target(),
		conns:   newConnections(config),
		doubted: make(chan struct{}, 1),
	}
}

// Stats returns the counters.
func (e *Exposer) Stats() Stats { return e.conns.stats() }

// Run is in the cluster while the target accepts connections, until the context ends, and
// returns nil then. It fails when the node does not let it in, or with [ErrNodeGone]; with
// Config.Node.Reconnect only before it was in once. What is connected goes on: Drain ends it.
// Run is called once.
func (e *Exposer) Run(ctx context.Context) error {
	for again := false; ; again = e.config.Node.Reconnect {
		if !e.awaitTarget(ctx) {
			return nil
		}
		conn, err := client.Register(ctx, e.name, client.Service{Tunnel: e.serve}, e.config.Node)
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if err != nil && again {
			e.config.Logger.Warn("not in the cluster: the node does not let it in", "err", err, "again", e.config.Check)
			if !pause(ctx, e.config.Check) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		e.config.Logger.Info("in the cluster")
		err = e.stay(ctx, conn)
		e.conns.running.Go(func() { e.retire(conn) })
		if err != nil || ctx.Err() != nil {
			return err
		}
		e.conns.absences.Add(1)
	}
}

// Drain waits until all connections are over, and resets those that are left when the
// context ends: with [ErrCutOff] then. It is called once, after Run.
func (e *Exposer) Drain(ctx context.Context) error { return e.conns.drain(ctx) }

// retire takes a member out of the cluster, and detaches it when its streams have ended.
func (e *Exposer) retire(conn *client.Conn) {
	_ = conn.Drain(e.conns.ctx) // fails when the node is gone, or when streams are cut off
	_ = conn.Close()            // whoever has to be told of the end of a stream was told
}

// awaitTarget returns true when the target accepts a connection, and false when the context
// ends.
func (e *Exposer) awaitTarget(ctx context.Context) bool {
	for first := true; ; first = false {
		err := e.probe(ctx)
		if err == nil {
			return true
		}
		if first && ctx.Err() == nil {
			e.config.Logger.Warn("not in the cluster: the target does not accept connections", "err", err, "again", e.config.Check)
		}
		if !pause(ctx, e.config.Check) {
			return false
		}
	}
}

// pause waits, and returns false when the context ends.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// stay returns nil when the target does not accept a connection, or when the context ends,
// and an error when the node is gone.
func (e *Exposer) stay(ctx context.Context, conn *client.Conn) error {
	tick := time.NewTicker(e.config.Check)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-e.doubted:
		case <-ctx.Done():
			return nil
		case <-conn.Done():
			return fmt.Errorf("%w: %w", ErrNodeGone, conn.Err())
		}
		if e.probe(ctx) != nil {
			return nil // the reason is logged by whoever waits for the target
		}
	}
}

// probe connects to the target, and says nothing there.
func (e *Exposer) probe(ctx context.Context) error {
	c, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if e.config.ProxyProtocol {
		_, err = c.Write(localHeader())
	}
	return err
}

func (e *Exposer) connect(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: e.config.DialTimeout}
	return dialer.DialContext(ctx, e.target.Network, e.target.Text)
}

// serve joins a stream to a connection to the target.
func (e *Exposer) serve(t *client.Tunnel) {
	ctx, cancel := context.WithTimeout(e.conns.ctx, e.config.DialTimeout)
	defer cancel()
	if !e.conns.enter() {
		_ = t.RefuseStream(ctx, "too many connections") // whoever dialled may be gone
		return
	}
	defer e.conns.exit()
	target, err := e.connect(ctx)
	if err != nil {
		e.conns.fail("connection refused: the target does not accept it", err)
		e.doubt()
		_ = t.RefuseStream(ctx, "the target does not accept connections")
		return
	}
	stream, err := t.AcceptStream(ctx)
	if err != nil {
		_ = target.Close()
		e.conns.fail("no connection", err)
		return
	}
	e.conns.opened.Add(1)
	e.conns.end(e.join(stream, target))
}

func (e *Exposer) join(stream *client.Stream, target net.Conn) error {
	if e.config.ProxyProtocol {
		if _, err := target.Write(proxyHeader(stream.Source(), target.RemoteAddr())); err != nil {
			_ = target.Close()
			_ = stream.Reset(reason(err))
			return err
		}
	}
	return e.conns.join(e.conns.ctx, socket(target), stream)
}

// doubt has the target looked at.
func (e *Exposer) doubt() {
	select {
	case e.doubted <- struct{}{}:
	default:
	}
}
