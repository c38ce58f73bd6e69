package quic

import (
	"encoding/binary"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// groBuffers is how many receive buffers a socket has with GRO.
	groBuffers = 4

	// groBuffer is the size of each, in bytes: the largest UDP payload.
	groBuffer = 64 << 10

	// groOOB is room for all control messages that the socket asks for, in bytes.
	groOOB = 256
)

// A groReader reads packets that the kernel has put together, with the UDP_GRO
// of Linux 5.0: those of one sender and size that arrive in a row pass through
// the network stack as one. It takes them apart again for quic-go.
type groReader struct {
	batch   *ipv4.PacketConn
	arrived []ipv4.Message // as read: room for groBuffers
	left    []ipv4.Message // those of arrived that were not handed on
	rest    []byte         // of the first one left
	segment int            // size of the packets in it
}

// newGROReader returns nil if the kernel has no GRO.
func newGROReader(conn *net.UDPConn, batch *ipv4.PacketConn) *groReader {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var errGRO error
	if err := raw.Control(func(fd uintptr) {
		errGRO = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	}); err != nil || errGRO != nil {
		return nil
	}
	r := &groReader{batch: batch, arrived: make([]ipv4.Message, groBuffers)}
	for i := range r.arrived {
		r.arrived[i].Buffers = [][]byte{make([]byte, groBuffer)}
		r.arrived[i].OOB = make([]byte, groOOB)
	}
	return r
}

// read fills messages, each with one packet, and waits for the first only. Only
// the goroutine that reads the socket calls it.
func (r *groReader) read(messages []ipv4.Message, flags int) (int, error) {
	if len(r.left) == 0 {
		n, err := r.batch.ReadBatch(r.arrived, flags)
		if err != nil {
			return 0, err
		}
		r.left = r.arrived[:n]
		r.open()
	}
	filled := 0
	for filled < len(messages) && len(r.left) > 0 {
		r.take(&messages[filled])
		filled++
	}
	return filled, nil
}

// open begins with the first message that is left.
func (r *groReader) open() {
	if len(r.left) == 0 {
		return
	}
	first := &r.left[0]
	r.rest = first.Buffers[0][:first.N]
	var control []byte
	control, r.segment = splitControl(first.OOB[:first.NN])
	first.NN = len(control)
}

// take copies the next packet.
func (r *groReader) take(message *ipv4.Message) {
	first := &r.left[0]
	size := len(r.rest)
	if r.segment > 0 {
		size = min(size, r.segment)
	}
	message.N = copy(message.Buffers[0], r.rest[:size])
	message.NN = copy(message.OOB, first.OOB[:first.NN])
	message.Addr = first.Addr
	message.Flags = first.Flags
	if r.rest = r.rest[size:]; len(r.rest) == 0 {
		r.left = r.left[1:]
		r.open()
	}
}

// splitControl takes the message about GRO out of a packet's control messages,
// in place, and returns the others and the size that it told: of the packets
// put together, all but the last one, or 0 for one that came alone.
func splitControl(oob []byte) (others []byte, segment int) {
	others = oob[:0]
	for rest := oob; len(rest) >= unix.SizeofCmsghdr; {
		header, body, after, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return others, segment
		}
		if header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(body) >= 2 {
			segment = int(binary.NativeEndian.Uint16(body))
		} else {
			others = append(others, rest[:len(rest)-len(after)]...)
		}
		rest = after
	}
	return others, segment
}
