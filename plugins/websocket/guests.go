package main

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/project-iris/iris/transport/strangers"
)

// maxGuests is how many connections of a listener are no WebSocket yet, at most. Another one
// has one of these closed, so that the seats of maxConns are for links.
const maxGuests = 256

// upgraded admits a connection that is a WebSocket from now on. It is the server's ConnState.
func upgraded(conn net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	if outer, ok := conn.(*tls.Conn); ok {
		conn = outer.NetConn()
	}
	conn.(*strangers.Guest).Admit()
}
