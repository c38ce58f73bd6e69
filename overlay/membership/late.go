package membership

import (
	"encoding/binary"
	"time"
)

// A node that gets too little time of its processor sees no answers, and takes for silent who has
// answered in time. The more nodes are said to be dead, the more there is to do, so that a host with
// many nodes would stay overloaded. So who is late itself judges nobody: while a probe has no answer,
// a node looks every lookEvery how late it comes to that. If the delays are lateness together when
// it would have others repeat the probe, the probe counts as answered: the next turn
// has to tell. For lateFor afterwards it takes nobody's word either that another node may be dead.
// The idea is that of Lifeguard, where a node that is slow itself waits longer.
const (
	lookEvery = 50 * time.Millisecond
	lookDecay = 8 // looks
	lateness  = 150 * time.Millisecond
	lateFor   = 5 * time.Second
)

// latePayload marks the acknowledgement that a node gives itself; others send none.
const latePayload = "late"

// delays is how late a node comes to look. It has no clock.
type delays struct {
	next time.Time     // when it is to look; zero: no probe is without an answer
	sum  time.Duration // of the last looks, lookDecay or so
	last time.Time     // when the node was late
}

// begin begins with a probe, unless another one has no answer yet. It reports whether it does.
func (d *delays) begin(now time.Time) bool {
	if !d.next.IsZero() {
		return false
	}
	d.sum, d.next = 0, now.Add(lookEvery)
	return true
}

// look takes one delay. It reports whether there is one to follow.
func (d *delays) look(now time.Time) bool {
	if d.next.IsZero() {
		return false
	}
	d.sum += max(0, now.Sub(d.next)) - d.sum/lookDecay
	d.next = now.Add(lookEvery)
	if d.sum >= lateness {
		d.last = now
	}
	return true
}

// late reports whether the node is late, or was a short while ago.
func (d *delays) late(now time.Time) bool {
	if !d.next.IsZero() && d.sum+now.Sub(d.next) >= lateness {
		d.last = now
	}
	return !d.last.IsZero() && now.Sub(d.last) < lateFor
}

// end ends with the answer.
func (d *delays) end() { d.next = time.Time{} }

// unjudged returns a packet without what it says against other nodes than this one.
func unjudged(self string, b []byte) []byte {
	var kept [][]byte
	for message := range messages(b) {
		if !judges(self, message) {
			kept = append(kept, message)
		}
	}
	return join(kept)
}

// judges reports whether a message says of another node that it may be dead. One that has gone by
// its own word is not judged.
func judges(self string, message []byte) bool {
	if message[0] != typeSuspect && message[0] != typeDead {
		return false
	}
	node, from, err := accusation(message[1:])
	return err == nil && node != self && node != from
}

// join makes a packet of messages, as many as have come in one.
func join(messages [][]byte) []byte {
	b := []byte{typeCompound, byte(len(messages))}
	for _, m := range messages {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
	}
	for _, m := range messages {
		b = append(b, m...)
	}
	return b
}

// numberOf returns the number of a probe, or of one that another node is to repeat.
func numberOf(message []byte) (number uint64) {
	_ = scannerOf(message[1:]).object(func(name string, v value) {
		if name == "SeqNo" {
			number = v.number
		}
	})
	return number
}

// acknowledgement makes the answer to a probe, as memberlist reads it.
func acknowledgement(number uint64) []byte {
	b := append([]byte{typeAck, 0x82}, "\xa5SeqNo\xce"...)
	b = binary.BigEndian.AppendUint32(b, uint32(number))
	b = append(b, "\xa7Payload\xa4"...)
	return append(b, latePayload...)
}
