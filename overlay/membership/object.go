package membership

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	// maxObject bounds one object of memberlist, in bytes: the largest that it makes is
	// a node with MaxMeta bytes of meta data, about 700. It is less than a packet
	// holds, or memberlist would keep for ever what it cannot pass on.
	maxObject = 960
	// maxFields bounds the fields of an object; memberlist knows eight at most.
	maxFields = 16
)

var errObject = errors.New("membership: malformed object")

// value is a field's: a number, or bytes.
type value struct {
	number uint64
	raw    []byte
}

// scanner reads objects as memberlist encodes them in MessagePack: maps from names to
// numbers, bytes, true and false. Everything else is refused before memory is taken for
// it.
type scanner struct {
	src  io.Reader
	left int // bytes that the object may still have
	word [8]byte
}

// object reads one, and calls visit for each field. Raw bytes are the visitor's.
func (s *scanner) object(visit func(name string, v value)) error {
	s.left = maxObject
	fields, err := s.fields()
	if err != nil {
		return err
	}
	for range fields {
		name, err := s.value()
		if err != nil {
			return err
		}
		if name.raw == nil {
			return errObject
		}
		v, err := s.value()
		if err != nil {
			return err
		}
		visit(string(name.raw), v)
	}
	return nil
}

// fields reads the beginning of a map.
func (s *scanner) fields() (int, error) {
	b, err := s.number(1)
	if err != nil {
		return 0, err
	}
	switch {
	case b&0xf0 == 0x80: // fixmap
		return int(b & 0x0f), nil
	case b == 0xde: // map 16
		n, err := s.number(2)
		if err == nil && n > maxFields {
			err = errObject
		}
		return int(n), err
	}
	return 0, errObject
}

// value reads a scalar.
func (s *scanner) value() (value, error) {
	b, err := s.number(1)
	if err != nil {
		return value{}, err
	}
	switch {
	case b < 0x80: // positive fixint
		return value{number: b}, nil
	case b >= 0xa0 && b < 0xc0: // fixstr
		return s.raw(b & 0x1f)
	case b == 0xc0, b == 0xc2: // nil, false
		return value{}, nil
	case b == 0xc3: // true
		return value{number: 1}, nil
	case b >= 0xcc && b <= 0xcf: // uint 8, 16, 32, 64
		return s.scalar(1 << (b - 0xcc))
	case b >= 0xd0 && b <= 0xd3: // int 8, 16, 32, 64; a negative one is a huge number
		return s.scalar(1 << (b - 0xd0))
	case b == 0xc4, b == 0xd9: // bin 8, str 8
		return s.long(1)
	case b == 0xc5, b == 0xda: // bin 16, str 16
		return s.long(2)
	}
	return value{}, errObject
}

func (s *scanner) scalar(size int) (value, error) {
	n, err := s.number(size)
	return value{number: n}, err
}

// long reads a length and as many bytes.
func (s *scanner) long(size int) (value, error) {
	n, err := s.number(size)
	if err != nil {
		return value{}, err
	}
	return s.raw(n)
}

func (s *scanner) raw(n uint64) (value, error) {
	if n > uint64(s.left) {
		return value{}, errObject
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.src, b); err != nil {
		return value{}, err
	}
	s.left -= int(n)
	return value{raw: b}, nil
}

// number reads a number of up to eight bytes.
func (s *scanner) number(size int) (uint64, error) {
	if s.left < size {
		return 0, errObject
	}
	s.left -= size
	s.word = [8]byte{}
	if _, err := io.ReadFull(s.src, s.word[8-size:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(s.word[:]), nil
}
