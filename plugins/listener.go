package plugins

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/plugins/pluginrpc"
	"github.com/project-iris/iris/transport/refusal"
)

const (
	// listenPause is the pause before the plugin is asked to listen again.
	listenPause = time.Second

	// acceptsPerSecond, and acceptsAtOnce, bound the connections that are accepted: each
	// costs a handshake. The rest waits in the plugin.
	acceptsPerSecond = 500
	acceptsAtOnce    = 500
)

// A listener is a net.Listener of the plugin's connections. It outlives processes of the
// plugin: its goroutine listens again with each.
type listener struct {
	supervisor *supervisor
	bound      string // where the plugin listens, and is to listen again
	advertised string // where others find it
	accepted   chan net.Conn
	rate       *rate.Limiter
	failures   refusal.Throttle // of lines about a plugin that does not listen
	ctx        context.Context  // ends with Close
	cancel     context.CancelFunc
	running    sync.WaitGroup
}

// A listening is one call of Listen.
type listening struct {
	owner  *instance
	calls  pluginrpc.Transport_ListenClient
	cancel context.CancelFunc
	first  *pluginrpc.Listening
}

// listen starts to listen, with the instance that runs.
func (s *supervisor) listen(ctx context.Context, addr string) (*listener, error) {
	running, err := s.running()
	if err != nil {
		return nil, err
	}
	l := &listener{
		supervisor: s, accepted: make(chan net.Conn),
		rate: rate.NewLimiter(acceptsPerSecond, acceptsAtOnce),
	}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	stop := context.AfterFunc(ctx, l.cancel)
	first, err := running.listen(l.ctx, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		l.cancel()
		return nil, err
	}
	l.bound, l.advertised = first.first.GetAddress(), first.first.GetAdvertise()
	if l.advertised == "" {
		l.advertised = l.bound
	}
	l.running.Go(func() { l.run(first) })
	return l, nil
}

// listen calls Listen, and waits for the plugin to say where it listens.
func (i *instance) listen(ctx context.Context, addr string) (*listening, error) {
	ctx, cancel := context.WithCancel(ctx)
	giveUp := time.AfterFunc(i.config.StartTimeout, cancel)
	defer giveUp.Stop()
	calls, err := i.rpc.Listen(ctx, &pluginrpc.ListenRequest{Address: addr})
	var answer *pluginrpc.ListenResponse
	if err == nil {
		answer, err = calls.Recv()
	}
	if err != nil {
		defer cancel()
		return nil, i.callError(ctx, "listen", err)
	}
	first := answer.GetListening()
	if err := checkListening(first); err != nil {
		cancel()
		i.fail(err)
		return nil, err
	}
	return &listening{i, calls, cancel, first}, nil
}

func checkListening(first *pluginrpc.Listening) error {
	if first == nil {
		return fmt.Errorf("%w: it does not say where it listens", ErrProtocol)
	}
	if _, _, err := net.SplitHostPort(first.GetAddress()); err != nil {
		return fmt.Errorf("%w: it listens at %q", ErrProtocol, cut(first.GetAddress()))
	}
	if first.GetAdvertise() != "" {
		if err := checkAddress(first.GetAdvertise()); err != nil {
			return err
		}
	}
	return checkAddress(first.GetAddress())
}

// run accepts connections, from one instance after the other.
func (l *listener) run(now *listening) {
	for now != nil {
		err := l.receive(now)
		now.cancel()
		if errors.Is(err, ErrProtocol) {
			now.owner.fail(err)
		}
		now = l.again(err)
	}
}

// again listens once more, where it did before. It returns nil when the listener is
// closed.
func (l *listener) again(failure error) *listening {
	for {
		running, err := l.supervisor.next(l.ctx)
		if err != nil {
			return nil
		}
		now, err := running.listen(l.ctx, l.bound)
		if err == nil && now.first.GetAddress() == l.bound {
			return now
		}
		if err != nil && running.ends() {
			continue // with the next process
		}
		if err == nil {
			now.cancel()
			err = fmt.Errorf("it listens at %s, and not at %s as before", now.first.GetAddress(), l.bound)
		}
		l.warn(err, failure)
		select {
		case <-time.After(listenPause):
		case <-l.ctx.Done():
			return nil
		}
	}
}

// warn says why the plugin does not listen again, and why it has ceased to.
func (l *listener) warn(err, failure error) {
	if unlogged, say := l.failures.Next(time.Now()); say {
		l.supervisor.logger.Warn("plugin does not listen", "addr", l.bound, "err", err, "before", failure,
			"again_in", listenPause, "unlogged", unlogged)
	}
}

// receive takes connections until the call ends.
func (l *listener) receive(now *listening) error {
	for {
		if err := l.rate.Wait(l.ctx); err != nil {
			return err
		}
		message, err := now.calls.Recv()
		if err != nil {
			return now.owner.callError(l.ctx, "listen", err)
		}
		conn := message.GetAccepted()
		if conn == nil {
			return fmt.Errorf("%w: something else than a connection was accepted", ErrProtocol)
		}
		if err := l.accept(now.owner, conn); err != nil {
			return err
		}
	}
}

// accept queues a connection for Accept. One for which there is no place is left to the plugin,
// which closes it after some time.
func (l *listener) accept(from *instance, conn *pluginrpc.Connection) error {
	ctx, cancel := context.WithTimeout(l.ctx, pluginrpc.ClaimTimeout)
	defer cancel()
	accepted, err := from.carry(ctx, conn)
	if errors.Is(err, ErrProtocol) {
		return err
	}
	if err != nil {
		return nil // a full house, or a plugin that ends
	}
	select {
	case l.accepted <- accepted:
	case <-l.ctx.Done():
		_ = accepted.Close()
	}
	return nil
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is where other nodes find the listener.
func (l *listener) Addr() net.Addr { return address(l.advertised) }

// Close stops to listen. Connections live on.
func (l *listener) Close() error {
	l.cancel()
	l.running.Wait()
	return nil
}
