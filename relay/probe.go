package relay

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Probe attaches to the relay at an address as an application does, and detaches. It fails
// if nothing comes back before the context ends, which has to have a deadline: a relay that
// refuses applications is not stuck.
func Probe(ctx context.Context, addr string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("the relay does not accept applications: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	begin := wire.Init{Version: []byte(wire.Version)}
	if _, err := conn.Write(begin.Append(nil)); err != nil {
		return fmt.Errorf("the relay does not read what applications say: %w", err)
	}
	m, err := wire.NewReader(conn, wire.FromRelay, Config{}.withDefaults().limits(&memory{})).Read()
	if err != nil {
		return fmt.Errorf("the relay does not answer applications: %w", err)
	}
	if _, refused := m.(*wire.Deny); !refused {
		var end wire.Close
		_, _ = conn.Write(end.Append(nil)) // an end without it is one as well
	}
	return nil
}
