package multicast

import (
	"hash/maphash"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Forward takes a message of a node, delivers it here and forwards it to those that it
// names. It waits for room in the lane to each.
func (m *Multicast) Forward(from transport.PeerID, f *wire.Forward) {
	copied := wire.Forwarded{Kind: f.Kind, Origin: from, Sender: f.Sender, Order: f.Order, Name: f.Name, Message: f.Message}
	dropped := uint64(0)
	for _, id := range f.Nodes {
		if !m.forward(id, &copied) {
			dropped++
		}
	}
	if f.Kind == wire.KindMarker { // which is for the others, and no loss to anybody
		return
	}
	m.copiesDropped.Add(dropped)
	m.deliver(&copied)
}

func (m *Multicast) forward(to transport.PeerID, f *wire.Forwarded) bool {
	link, ok := m.host.Link(to)
	if !ok || m.pending.has(to) {
		return m.later(to, f)
	}
	l := link.ForwardLane()
	b, err := l.Begin(f.Size(), forwardPatience)
	if err != nil {
		return link.Ended() && m.later(to, f)
	}
	l.Commit(f.Append(b))
	return true
}

// Forwarded takes a message that another node has forwarded. It waits for no lane.
func (m *Multicast) Forwarded(f *wire.Forwarded) {
	if f.Kind != wire.KindMarker {
		m.deliver(f)
		return
	}
	if origin, ok := m.host.Link(f.Origin); ok {
		answer(origin, f.Order)
		return
	}
	m.answerLater(f.Origin, f.Order)
}

// answer says that a marker has come.
func answer(origin Link, token uint64) {
	answer := wire.MarkerPassed{Token: token}
	l := origin.Lane(token)
	if b, err := l.BeginShort(answer.Size()); err == nil {
		l.Commit(answer.Append(b))
	}
}

// maxAnswers is how many answers to markers may wait for a link. Who sends more markers, and
// keeps no link, waits for the answers in vain.
const maxAnswers = 64

// answerLater says that a marker has come, when there is a link to its origin.
func (m *Multicast) answerLater(to transport.PeerID, token uint64) {
	if m.answers.Add(1) > maxAnswers || !m.start(func() {
		defer m.answers.Add(-1)
		if origin, ok := m.host.Await(m.ctx, to); ok {
			answer(origin, token)
		}
	}) {
		m.answers.Add(-1)
	}
}

// MarkerPassed takes the word of a node that a marker has come to it.
func (m *Multicast) MarkerPassed(from transport.PeerID, p *wire.MarkerPassed) {
	m.markers.passed(p.Token, from)
}

// A sum of the name is enough for the filter, which forgets it soon.
var nameSeed = maphash.MakeSeed()

// deliver delivers a message here unless it comes late.
func (m *Multicast) deliver(f *wire.Forwarded) {
	key := Key{Origin: f.Origin, Sender: f.Sender, Kind: f.Kind, Name: maphash.Bytes(nameSeed, f.Name)}
	turn := m.filter.Begin(key, f.Order)
	if turn == nil {
		m.copiesLate.Add(1)
		return
	}
	defer turn.End()
	m.host.Deliver(f.Kind, f.Name, f.Message)
}
