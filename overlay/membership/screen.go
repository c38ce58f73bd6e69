package membership

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"github.com/project-iris/iris/transport"
)

// The first byte of what memberlist sends (its net.go has the whole list). Those that
// are missing here are not needed, and would let a few bytes from a peer unpack to
// megabytes or claim them.
const (
	typePing     = 0
	typeIndirect = 1
	typeAck      = 2
	typeSuspect  = 3
	typeAlive    = 4
	typeDead     = 5
	typeState    = 6
	typeCompound = 7
	typeNack     = 11
	typeCRC      = 12
	typeError    = 13
)

// stateLeft is how a node that has left is marked in a list.
const stateLeft = 3

const crcSize = 5 // of a packet: the type, and four bytes

var (
	errPacket = errors.New("membership: malformed packet")
	errStream = errors.New("membership: malformed stream")
)

// screen holds what peers send against what memberlist itself would send, before it
// gets there: it trusts its peers with its memory.
type screen struct {
	maxNodes uint64                 // of one list
	leaves   func(transport.PeerID) // is told of nodes that go in good order
}

// packet checks a packet.
func (s *screen) packet(b []byte) error {
	if len(b) >= crcSize && b[0] == typeCRC {
		if crc32.ChecksumIEEE(b[crcSize:]) != binary.BigEndian.Uint32(b[1:]) {
			return errPacket
		}
		b = b[crcSize:]
	}
	if len(b) == 0 || b[0] != typeCompound {
		return s.message(b)
	}
	parts, err := compound(b)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := s.message(part); err != nil {
			return err
		}
	}
	return nil
}

// messages returns the messages of a packet that memberlist made.
func messages(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(b) > crcSize && b[0] == typeCRC {
			b = b[crcSize:]
		}
		if len(b) > 0 && b[0] != typeCompound {
			yield(b)
			return
		}
		parts, _ := compound(b)
		for _, part := range parts {
			if len(part) > 0 && !yield(part) {
				return
			}
		}
	}
}

// compound splits a packet of several messages: their number, 1 byte; their lengths, 2
// bytes each; the messages.
func compound(b []byte) ([][]byte, error) {
	if len(b) < 2 {
		return nil, errPacket
	}
	count := int(b[1])
	lengths := b[2:]
	if len(lengths) < 2*count {
		return nil, errPacket
	}
	rest := lengths[2*count:]
	parts := make([][]byte, 0, count)
	for i := range count {
		size := int(binary.BigEndian.Uint16(lengths[2*i:]))
		if size > len(rest) {
			return nil, errPacket
		}
		parts = append(parts, rest[:size])
		rest = rest[size:]
	}
	return parts, nil
}

// message checks one message of a packet.
func (s *screen) message(b []byte) error {
	if len(b) == 0 {
		return errPacket
	}
	switch b[0] {
	case typePing, typeIndirect, typeAck, typeSuspect, typeAlive, typeNack:
		return scannerOf(b[1:]).object(func(string, value) {})
	case typeDead:
		return s.dead(b[1:])
	}
	return fmt.Errorf("%w: type %d", errPacket, b[0])
}

// dead looks who says that a node is dead: the node itself if it leaves.
func (s *screen) dead(b []byte) error {
	node, from, err := accusation(b)
	if err == nil && node == from {
		s.left(node)
	}
	return err
}

// accusation returns of which node something is said, and by whom.
func accusation(b []byte) (node, from string, err error) {
	err = scannerOf(b).object(func(name string, v value) {
		switch name {
		case "Node":
			node = string(v.raw)
		case "From":
			from = string(v.raw)
		}
	})
	return node, from, err
}

func (s *screen) left(name string) {
	if id, err := transport.ParsePeerID(name); err == nil {
		s.leaves(id)
	}
}

func scannerOf(b []byte) *scanner { return &scanner{src: bytes.NewReader(b)} }

// stream reads the one message that a side sends on a stream, and returns it.
func (s *screen) stream(src io.Reader) ([]byte, error) {
	var message bytes.Buffer
	scan := &scanner{src: io.TeeReader(src, &message), left: 1}
	kind, err := scan.number(1)
	if err != nil {
		return nil, err
	}
	switch kind {
	case typePing, typeAck, typeError:
		err = scan.object(func(string, value) {})
	case typeState:
		err = s.list(scan)
	default:
		err = fmt.Errorf("%w: type %d", errStream, kind)
	}
	return message.Bytes(), err
}

// list checks a list of nodes: a header that says how many they are, and the nodes.
func (s *screen) list(scan *scanner) error {
	var nodes, more uint64
	err := scan.object(func(name string, v value) {
		switch name {
		case "Nodes":
			nodes = v.number
		case "UserStateLen":
			more = v.number
		}
	})
	if err != nil {
		return err
	}
	if nodes > s.maxNodes || more != 0 {
		return fmt.Errorf("%w: a list of %d nodes and %d bytes", errStream, nodes, more)
	}
	for range nodes {
		if err := s.listed(scan); err != nil {
			return err
		}
	}
	return nil
}

func (s *screen) listed(scan *scanner) error {
	var node string
	var state uint64
	err := scan.object(func(name string, v value) {
		switch name {
		case "Name":
			node = string(v.raw)
		case "State":
			state = v.number
		}
	})
	if err == nil && state == stateLeft {
		s.left(node)
	}
	return err
}
