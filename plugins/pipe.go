package plugins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
	"github.com/project-iris/iris/transport/failpoint"
)

// A pipe is one connection of the plugin, as a net.Conn: one to the data socket. What is
// read from it comes from the plugin, and is trusted like the network.
type pipe struct {
	net.Conn
	local, remote address
	owner         *instance
	once          sync.Once
}

// An address is an end of a connection, as the plugin says. It is only for people.
type address string

// Network is of no use to anybody.
func (a address) Network() string { return "plugin" }

func (a address) String() string { return string(a) }

// LocalAddr is this end of the connection.
func (p *pipe) LocalAddr() net.Addr { return p.local }

// RemoteAddr is the other end.
func (p *pipe) RemoteAddr() net.Addr { return p.remote }

// CloseWrite says that nothing follows.
func (p *pipe) CloseWrite() error {
	return p.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close ends the connection. What was written is still on its way.
func (p *pipe) Close() error {
	err := p.Conn.Close()
	p.once.Do(func() { p.owner.release(p) })
	return err
}

// carry makes a pipe of a connection that the plugin has. An ErrProtocol is the plugin's
// fault, and for whoever gets it to act on.
func (i *instance) carry(ctx context.Context, conn *pluginrpc.Connection) (*pipe, error) {
	if err := checkConnection(conn); err != nil {
		return nil, err
	}
	if !i.reserve() {
		return nil, fmt.Errorf("%w: %d", ErrLimit, i.config.MaxConns)
	}
	p := &pipe{owner: i, local: orUnknown(conn.GetLocalAddress()), remote: orUnknown(conn.GetRemoteAddress())}
	var err error
	if p.Conn, err = i.claim(ctx, conn.GetId()); err != nil {
		i.release(nil)
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pipes[p] = struct{}{}
	return p, nil
}

func checkConnection(conn *pluginrpc.Connection) error {
	if len(conn.GetId()) != pluginrpc.IDSize {
		return fmt.Errorf("%w: a connection with an id of %d bytes", ErrProtocol, len(conn.GetId()))
	}
	for _, addr := range []string{conn.GetLocalAddress(), conn.GetRemoteAddress()} {
		if addr == "" {
			continue
		}
		if err := checkAddress(addr); err != nil {
			return err
		}
	}
	return nil
}

func orUnknown(addr string) address {
	if addr == "" {
		return "unknown"
	}
	return address(addr)
}

// claim connects to the data socket, and says which connection it is to carry.
func (i *instance) claim(ctx context.Context, id []byte) (net.Conn, error) {
	var dialer net.Dialer
	if err := failpoint.Hit("dial data socket of plugin"); err != nil {
		return nil, err
	}
	conn, err := dialer.DialContext(ctx, i.data.network, i.data.address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetWriteDeadline(deadline)
	}
	_, err = conn.Write(id)
	if err = cmp.Or(err, failpoint.Hit("claim connection of plugin")); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetWriteDeadline(time.Time{})
	return conn, nil
}

// reserve takes a place among the connections.
func (i *instance) reserve() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conns >= i.config.MaxConns {
		return false
	}
	i.conns++
	return true
}

// release gives a place back.
func (i *instance) release(p *pipe) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.conns--
	delete(i.pipes, p)
}

// dial makes a connection. It fails with an error for transport.NetworkError.
func (i *instance) dial(ctx context.Context, addr string) (*pipe, error) {
	ctx, cancel := context.WithTimeout(ctx, i.config.DialTimeout)
	defer cancel()
	conn, err := i.rpc.Dial(ctx, &pluginrpc.DialRequest{Address: addr})
	if err != nil {
		return nil, err
	}
	p, err := i.carry(ctx, conn)
	if errors.Is(err, ErrProtocol) {
		i.fail(err)
	}
	return p, err
}
