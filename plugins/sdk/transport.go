package sdk

import (
	"context"
	"net"
)

// A Transport is what a plugin is made of. Its functions may be called by many goroutines
// at once.
//
// Of the connections that Dial and Accept return, these methods are used: Read, Write,
// Close, LocalAddr, RemoteAddr, and CloseWrite where there is one. A node closes one
// direction only just before the other: a connection of which one direction has ended is
// closed two seconds later at the latest.
type Transport struct {
	// Configure is called once, before all others, with the options that the node was
	// started with for this plugin. An error ends the node with its text: for options
	// that are not known, too. Nil means that there are no options.
	Configure func(options map[string]string) error

	// Dial makes a connection to an address: one of a Listener, or what people give
	// after -join. The context ends when the node gives up.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Listen accepts connections at HOST:PORT; an empty host means all interfaces, port 0
	// any. The context bounds the listener: it is closed when the node does not need it
	// any more. An error that is syscall.EADDRINUSE makes a node that may choose a port
	// try the next.
	//
	// The listener's address has the port filled in. After a crash of the process, the
	// node asks to listen there again.
	Listen func(ctx context.Context, addr string) (net.Listener, error)
}

// An Advertiser is a listener that others reach at another address than it listens on.
type Advertiser interface {
	net.Listener
	Advertise() string
}
