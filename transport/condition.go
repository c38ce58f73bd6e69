package transport

import "net/netip"

// Condition is what a transport knows about its host and the paths to others. A transport that
// knows some of it has a method Condition that returns one.
type Condition struct {
	ReceiveBuffer, SendBuffer int          // of its socket, in bytes; zero: not known
	WantedBuffer              int          // that both should have
	NarrowPaths               []netip.Addr // to which large packets have vanished lately
}
