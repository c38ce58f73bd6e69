package sdk

import (
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// maxUnclaimed is how many connections wait for the node at most.
const maxUnclaimed = 1024

var errBusy = errors.New("too many connections wait for the node")

// An id names a connection. Whoever knows it can claim the connection.
type id [pluginrpc.IDSize]byte

// unclaimed are the connections that the node was told of and has not asked for.
type unclaimed struct {
	mu    sync.Mutex
	conns map[id]*claim
}

// A claim is a connection and the timer that gives it up.
type claim struct {
	conn  net.Conn
	timer *time.Timer
}

// add takes a connection in, and says what to tell the node. It closes the connection if
// there are too many.
func (u *unclaimed) add(conn net.Conn) (*pluginrpc.Connection, error) {
	var name id
	_, _ = rand.Read(name[:]) // never fails
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.conns) >= maxUnclaimed {
		_ = conn.Close()
		return nil, errBusy
	}
	u.conns[name] = &claim{conn, time.AfterFunc(pluginrpc.ClaimTimeout, func() { u.drop(name) })}
	return &pluginrpc.Connection{
		Id:           name[:],
		LocalAddress: text(conn.LocalAddr()), RemoteAddress: text(conn.RemoteAddr()),
	}, nil
}

func text(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	return addr.String()
}

// take returns a connection to carry, or nil.
func (u *unclaimed) take(name []byte) net.Conn {
	if len(name) != len(id{}) {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	found := u.conns[id(name)]
	if found == nil {
		return nil
	}
	found.timer.Stop()
	delete(u.conns, id(name))
	return found.conn
}

func (u *unclaimed) drop(name id) {
	if conn := u.take(name[:]); conn != nil {
		_ = conn.Close()
	}
}
