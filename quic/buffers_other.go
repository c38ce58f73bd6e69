//go:build !linux

package quic

import "net"

const bufferAdvice = ""

// bufferSizes is 0 here: other systems give what quic-go asks for, or have no
// setting to tell of.
func bufferSizes(*net.UDPConn) (receive, send int) { return 0, 0 }
