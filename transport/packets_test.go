package transport_test

import (
	"errors"
	"testing"

	"github.com/project-iris/iris/transport"
)

func TestCheckPacket(t *testing.T) {
	packet := func(first byte, size int) []byte {
		b := make([]byte, size)
		b[0] = first
		return b
	}
	for _, row := range []struct {
		name   string
		packet []byte
		good   bool
	}{
		{"one byte", packet(transport.MinPacketByte, 1), true},
		{"the most", packet(transport.MaxPacketByte, transport.MaxPacket), true},
		{"nothing", nil, false},
		{"a byte too many", packet(transport.MinPacketByte, transport.MaxPacket+1), false},
		{"a first byte of transports", packet(transport.MinPacketByte-1, 1), false},
		{"a first byte of QUIC", packet(transport.MaxPacketByte+1, 1), false},
	} {
		if err := transport.CheckPacket(row.packet); (err == nil) != row.good || err != nil && !errors.Is(err, transport.ErrPacket) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
