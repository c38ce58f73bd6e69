package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// errNotInit says that a connection began with something else than INIT.
var errNotInit = errors.New("frame before INIT")

// denial is a refusal that the application is told.
type denial struct{ reason string }

func (d *denial) Error() string { return d.reason }

// attach takes the application's INIT, makes it a member of the network and tells
// it so, once others can reach it. It is ready to be called by the network before it is
// told.
func (s *session) attach() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.relay.config.AttachTimeout))
	m, err := s.reader.Read()
	if err != nil {
		return err
	}
	init, ok := m.(*wire.Init)
	if !ok {
		return &wire.ViolationError{Op: m.Op(), Err: errNotInit}
	}
	if string(init.Version) != wire.Version {
		return &denial{fmt.Sprintf("the application speaks version %q of the relay protocol, this node speaks %q",
			printable(init.Version), wire.Version)}
	}
	s.relay.attached(s)
	if len(init.Cluster) > 0 {
		s.log = s.log.With("cluster", printable(init.Cluster))
	}
	s.cluster = bytes.Clone(init.Cluster)
	s.throttle.init(s)
	s.tunnels.init(s)
	if err := s.access.admit(init.Cluster); err != nil {
		return err
	}
	// INIT is the first frame in the queue, which is written only once the
	// application is attached: nothing that the network delivers can overtake it.
	accept := wire.Accept{Version: []byte(wire.Version)}
	b, err := s.out.Prompt.BeginOver(accept.Size())
	if err != nil {
		return err
	}
	s.out.Commit(accept.Append(b))
	// It may be given more requests than it has room for while it attaches. The queue is written
	// afterwards.
	s.out.OnRoom(func() { s.member.Resume() })
	if s.member, err = s.relay.config.Mesh.Attach(init.Cluster, s); err != nil {
		return &denial{err.Error()}
	}
	close(s.ready)
	if len(init.Cluster) > 0 {
		s.member.AwaitConfirmation(s.ctx)
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	s.log.Debug("application has attached")
	return nil
}

// rejected ends a connection that did not get to be attached.
func (s *session) rejected(err error) {
	s.out.Abort(err)
	var deny *denial
	var violation *wire.ViolationError
	switch {
	case errors.As(err, &deny):
		s.relay.counters.denied.Add(1)
		s.relay.warn(s.log, "application was denied", "err", deny.reason)
		s.deny(deny.reason)
	case errors.As(err, &violation):
		s.relay.counters.violations.Add(1)
		s.relay.warn(s.log, "connection does not speak the relay protocol; it is closed", "err", err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.relay.counters.unattached.Add(1)
		s.relay.warn(s.log, "connection did not attach in time; it is closed", "timeout", s.relay.config.AttachTimeout)
	default:
		s.log.Debug("connection ended before it attached", "err", err.Error())
	}
}

// turnAway tells a connection that there is no room for it, as far as that needs no waiting, and
// closes it.
func (s *session) turnAway(reason string) {
	m := wire.Deny{Reason: []byte(reason)}
	_ = s.conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	_, _ = s.conn.Write(m.Append(nil)) // into the buffer of a socket that is new
	s.conn.Close()
}

// deny tells the application why it is refused.
func (s *session) deny(reason string) {
	m := wire.Deny{Reason: []byte(reason)}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	if _, err := s.conn.Write(m.Append(nil)); err != nil {
		return
	}
	s.linger()
	_, _ = io.Copy(io.Discard, io.LimitReader(s.conn, 1<<20))
}

// printable shortens what an application sent to what belongs into a line of text.
func printable(b []byte) string {
	const most = 64
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
