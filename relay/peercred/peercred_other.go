//go:build !linux

package peercred

import "net"

// Of returns [ErrUnknown].
func Of(net.Conn) (Peer, error) { return Peer{}, ErrUnknown }

// Check returns [ErrUnknown].
func Check() error { return ErrUnknown }

// Process returns 0: it is not known.
func (p Peer) Process() int { return p.PID }
