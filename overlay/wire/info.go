package wire

import (
	"bytes"
	"fmt"
)

// What an [Info] can have beside its Address.
const (
	// MaxServices is how many services it can have, as a Host has a bit for each.
	MaxServices = 8
	// MaxHosts is how many hosts it can have.
	MaxHosts = 16
)

// Info is what a node tells all others about itself.
//
//	0x01 epoch:varint address:binary services:service list hosts:host list
//
// where a service is scheme:binary port:varint and a host services:byte ip:binary. Services
// and hosts are more addresses, in a form that takes less room; they may be absent.
type Info struct {
	Epoch    uint64 // grows with each start of the node
	Address  []byte // where it accepts links, the best addresses, as its transport understands them
	Services []Service
	Hosts    []Host // more of its addresses, in their order
}

// Service is a transport that a node listens by, and the port.
type Service struct {
	Scheme []byte
	Port   uint64 // at most 65,535
}

// Host is an IP address of a node.
type Host struct {
	Services byte   // the first service of the Info that is there is bit 0
	IP       []byte // 4 or 16 bytes; others are ignored
}

// Type returns TypeInfo.
func (*Info) Type() Type { return TypeInfo }

func (m *Info) fields() int {
	size := sizeVarint(m.Epoch) + sizeBinary(m.Address)
	size += sizeVarint(uint64(len(m.Services))) + sizeVarint(uint64(len(m.Hosts)))
	for _, s := range m.Services {
		size += sizeBinary(s.Scheme) + sizeVarint(s.Port)
	}
	for _, h := range m.Hosts {
		size += 1 + sizeBinary(h.IP)
	}
	return size
}

// Size returns the length of the frame in bytes.
func (m *Info) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Info) Append(b []byte) []byte {
	b = appendHead(b, TypeInfo, m.fields())
	b = appendVarint(b, m.Epoch)
	b = appendBinary(b, m.Address)
	b = appendVarint(b, uint64(len(m.Services)))
	for _, s := range m.Services {
		b = appendVarint(appendBinary(b, s.Scheme), s.Port)
	}
	b = appendVarint(b, uint64(len(m.Hosts)))
	for _, h := range m.Hosts {
		b = appendBinary(append(b, h.Services), h.IP)
	}
	return b
}

func (m *Info) consume(c *cursor) {
	m.Epoch = c.varint()
	m.Address = c.binary()
	m.Services, m.Hosts = m.Services[:0], m.Hosts[:0]
	if len(c.b) == 0 {
		return // of a node that tells no more
	}
	for range c.few(2, MaxServices) {
		m.Services = append(m.Services, Service{c.binary(), c.varint()})
	}
	for range c.few(2, MaxHosts) {
		m.Hosts = append(m.Hosts, Host{c.byte(), c.binary()})
	}
}

// few reads the count of a list of at most limit elements, which take at least size bytes
// each.
func (c *cursor) few(size, limit int) int {
	n := c.count(size)
	if n > limit {
		c.err = fmt.Errorf("%w: list of %d, at most %d are allowed", ErrTooLong, n, limit)
		return 0
	}
	return n
}

// ParseInfo reads an Info that is alone in b, as membership carries it.
func ParseInfo(b []byte) (*Info, error) {
	m, err := NewReader(bytes.NewReader(b), Limits{Frame: len(b) + 1}).Read()
	if err != nil {
		return nil, err
	}
	info, ok := m.(*Info)
	if !ok {
		return nil, &ViolationError{m.Type(), ErrUnexpected}
	}
	return info, nil
}
