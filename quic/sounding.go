package quic

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net"

	"github.com/project-iris/iris/transport/identity"
)

// A sounding is a packet beside QUIC, on the same socket, that asks whether
// packets of its size get through, or that answers. It begins with a byte whose
// two highest bits are zero, by which quic-go tells it from its own packets (RFC
// 9443, section 3), and does not wait for the connection's congestion window, which
// is full of what has vanished when it matters.
//
//	kind    1 byte   soundingQuestion or soundingAnswer
//	size    2 bytes  of the question in bytes, all of it, big endian
//	trial   8 bytes  by which who asks finds the trial again
//	round   1 byte   of the trial
//	seal   16 bytes  the beginning of an HMAC-SHA256 over these, by a key of the network
//
// A question is filled up with zeros to its size; an answer ends there, and so is
// never larger than what it answers: nobody gains by forged addresses.
type sounding struct {
	kind  byte
	size  int
	trial uint64
	round int
}

const (
	soundingQuestion = 0x11
	soundingAnswer   = 0x12

	soundingHead = 12 // bytes before the seal
	soundingSize = soundingHead + 16
)

// sealer seals soundings and checks seals, with each key that the node accepts.
type sealer [][32]byte

func newSealer(id *identity.Identity) sealer { return id.Secrets("quic path sounding") }

// sealer returns that of the keys as they are now.
func (t *Transport) sealer() sealer { return newSealer(t.config.Identity) }

// append appends a sounding with the seal of a key.
func (s sealer) append(b []byte, one sounding, key int) []byte {
	begin := len(b)
	b = append(b, one.kind)
	b = binary.BigEndian.AppendUint16(b, uint16(one.size))
	b = binary.BigEndian.AppendUint64(b, one.trial)
	b = append(b, byte(one.round))
	b = append(b, s.seal(b[begin:], key)...)
	if one.kind == soundingQuestion {
		b = append(b, make([]byte, max(0, one.size-soundingSize))...)
	}
	return b
}

// parse returns a sounding and the key that has sealed it.
func (s sealer) parse(b []byte) (one sounding, key int, ok bool) {
	if len(b) < soundingSize {
		return one, 0, false
	}
	one = sounding{
		kind:  b[0],
		size:  int(binary.BigEndian.Uint16(b[1:])),
		trial: binary.BigEndian.Uint64(b[3:]),
		round: int(b[11]),
	}
	question := one.kind == soundingQuestion && one.size == len(b)
	answer := one.kind == soundingAnswer && len(b) == soundingSize
	if !question && !answer {
		return one, 0, false
	}
	for key := range s {
		if hmac.Equal(s.seal(b[:soundingHead], key), b[soundingHead:soundingSize]) {
			return one, key, true
		}
	}
	return one, 0, false
}

func (s sealer) seal(head []byte, key int) []byte {
	mac := hmac.New(sha256.New, s[key][:])
	mac.Write(head)
	return mac.Sum(nil)[:soundingSize-soundingHead]
}

// isSounding says whether a packet is one by its first byte.
func isSounding(packet []byte) bool {
	return packet[0] == soundingQuestion || packet[0] == soundingAnswer
}

// answerSounding answers what another node asks at a socket, and passes on its answer to what
// was asked.
func (t *Transport) answerSounding(s *socket, packet []byte, from net.Addr) {
	one, key, ok := t.sealer().parse(packet)
	switch {
	case !ok:
	case one.kind == soundingAnswer:
		t.trials.answered(one)
	default:
		one.kind = soundingAnswer
		s.sound(t.sealer().append(nil, one, key), from)
	}
}

// sound sends a sounding. One that cannot be sent counts as lost.
func (s *socket) sound(packet []byte, to net.Addr) { _, _ = s.quic.WriteTo(packet, to) }
