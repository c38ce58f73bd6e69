package directory

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// victim is a directory that a member of its network wrongs.
type victim struct {
	t *testing.T
	*Directory
	now      time.Time
	sequence uint64
}

// newVictim returns one that is node 0 of n.
func newVictim(t *testing.T, n int, config Config) *victim {
	config.Self, config.Epoch = nodeID(0), 1
	v := &victim{t: t, Directory: New(config), now: start}
	var members []Member
	for i := range n {
		members = append(members, Member{nodeID(i), 1})
	}
	v.step(Membership{NewMembers(members...)})
	return v
}

func (v *victim) step(e Event) []Action {
	v.t.Helper()
	actions := v.Step(v.now, e)
	check(v.t, v.Directory)
	return actions
}

// hears gives it an update of a node, the next of its stream.
func (v *victim) hears(from transport.PeerID, m wire.Update) []Action {
	v.t.Helper()
	v.sequence++
	m.Epoch, m.Sequence, m.Reset, m.Complete = 1, v.sequence, m.Reset || v.sequence == 1, true
	if !m.Reset {
		m.Previous = v.sequence - 1
	}
	return v.step(Received{from, &m})
}

// manyNames returns n names that begin with i.
func manyNames(i byte, n int) []Name {
	names := make([]Name, n)
	for j := range names {
		names[j] = Name{i, byte(j >> 16), byte(j >> 8), byte(j)}
	}
	return names
}

func (v *victim) wantRefused(why Reason, n int) {
	v.t.Helper()
	if got := v.Stats().Refused[why]; got != uint64(n) {
		v.t.Errorf("%d refused for %v, want %d", got, why, n)
	}
}

// Floods end at the limits, and what was there goes on.
func TestFloods(t *testing.T) {
	config := Config{PeerNames: 100, PeerClaims: 50, Entries: 230}
	v := newVictim(t, 40, config)
	flooder, other := nodeID(1), nodeID(2)
	for i := range 10 {
		v.hears(flooder, wire.Update{Registered: manyNames(byte(i), 30)})
	}
	v.wantRefused(TooManyNames, 200)
	for i := range 10 {
		v.hears(flooder, wire.Update{Watched: manyNames(byte(i), 30)})
	}
	v.wantRefused(TooManyNames, 400)
	if got := v.Stats().Entries; got != 200 {
		t.Errorf("%d entries", got)
	}
	v.sequence = 0
	v.hears(other, wire.Update{Registered: manyNames(1, 60)})
	v.wantRefused(Full, 30)
	v.hears(other, wire.Update{Unregistered: manyNames(1, 60)})
	if got := v.Stats().Entries; got != 200 {
		t.Errorf("%d entries", got)
	}
}

// What a node says over and over costs nothing more, and is not passed on faster
// than those take it who are told.
func TestToggling(t *testing.T) {
	v := newVictim(t, 40, Config{})
	restless, watcher := nodeID(1), nodeID(2)
	v.hears(watcher, wire.Update{Watched: []Name{svc}})
	v.sequence = 0
	sent := 0
	for i := range 10_000 {
		v.now = v.now.Add(100 * time.Microsecond)
		m := wire.Update{Registered: []Name{svc}}
		if i%2 == 1 {
			m = wire.Update{Unregistered: []Name{svc}}
		}
		for _, a := range v.hears(restless, m) {
			if s, ok := a.(Send); ok && s.To == watcher {
				sent++
			}
		}
	}
	if sent > window+5 { // updates, and questions whether they have come
		t.Errorf("%d messages in a second for a node that acknowledges none", sent)
	}
	if dirty := len(v.peers[watcher].out.dirty); dirty > 1 {
		t.Errorf("%d changes gather for it", dirty)
	}
}

// A node that takes nothing makes no more than maxDirty changes gather.
func TestReadsNothing(t *testing.T) {
	v := newVictim(t, 40, Config{PeerNames: 1 << 18})
	deaf, busy := nodeID(1), nodeID(2)
	names := manyNames(0, maxDirty+1000)
	for chunk := range slices.Chunk(names, 3000) {
		v.sequence++
		v.Step(v.now, Received{deaf, &wire.Update{Epoch: 1, Previous: v.sequence - 1, Sequence: v.sequence, Reset: v.sequence == 1, Watched: chunk}})
	}
	v.sequence = 0
	for range 2 {
		for chunk := range slices.Chunk(names, 3000) {
			v.now = v.now.Add(time.Second)
			v.sequence++
			v.Step(v.now, Received{busy, &wire.Update{Epoch: 1, Previous: v.sequence - 1, Sequence: v.sequence, Reset: v.sequence == 1, Registered: chunk}})
			if p := v.peers[deaf]; len(p.out.dirty) > maxDirty || len(p.out.inFlight) > window {
				t.Fatalf("%d changes, %d updates in flight", len(p.out.dirty), len(p.out.inFlight))
			}
		}
	}
	check(t, v.Directory)
}

// A node speaks of itself; what it says of names that it is not asked about, does
// not own, or of nodes that are no members, changes nothing.
func TestClaimsForOthers(t *testing.T) {
	v := newVictim(t, 40, Config{})
	v.step(Watch{svc})
	owners := v.Owners(svc)
	var stranger transport.PeerID
	for i := 1; i < 40; i++ {
		if !slices.Contains(owners, nodeID(i)) {
			stranger = nodeID(i)
			break
		}
	}
	claim := wire.Update{Answers: []wire.Answer{
		{Name: svc, Current: true, Added: []wire.Registrant{{Node: nodeID(30), Epoch: 1}}},
		{Name: other, Current: true, Added: []wire.Registrant{{Node: nodeID(30), Epoch: 1}}},
	}}
	v.hears(stranger, claim)
	v.wantRefused(Unasked, 2)
	if nodes, known := v.Lookup(svc); len(nodes) > 0 || known {
		t.Errorf("%v, %v by one who owns nothing", nodes, known)
	}

	owner := owners[slices.IndexFunc(owners, func(id transport.PeerID) bool { return id != nodeID(0) })]
	v.sequence = 0
	v.hears(owner, wire.Update{Answers: []wire.Answer{{Name: svc, Anew: true, Current: true, Added: []wire.Registrant{
		{Node: nodeID(50), Epoch: 1}, {Node: nodeID(30), Epoch: 2}, {Node: nodeID(0), Epoch: 1}, {Node: nodeID(31), Epoch: 1},
	}}}})
	if nodes, _ := v.Lookup(svc); !slices.Equal(nodes, []transport.PeerID{nodeID(31)}) {
		t.Errorf("%v, want the one that is a member in this epoch", nodes)
	}
}

// One owner of three lies. As soon as the others have known the name for a while,
// it can neither make up a member nor hide one.
func TestOneOwnerLies(t *testing.T) {
	w := newWorld(t, 1, Config{})
	w.join(40)
	w.run(0)
	owners := w.nodes[0].dir.Owners(svc)
	for _, n := range w.nodes[:10] {
		n.register(svc)
	}
	for _, n := range w.nodes {
		n.watch(svc)
	}
	w.mustAgree(100 * time.Millisecond)
	w.run(time.Minute)
	liar := w.byID[owners[0]]
	var anybody *node
	for _, n := range w.nodes {
		if !slices.Contains(owners, n.id) {
			anybody = n
		}
	}
	dir := liar.dir
	stream := dir.peers[anybody.id].out.last
	lie := &wire.Update{Epoch: liar.epoch, Previous: stream, Sequence: dir.sequence + 1, Answers: []wire.Answer{{
		Name: svc, Anew: true, Current: true, Added: []wire.Registrant{{Node: w.nodes[20].id, Epoch: w.nodes[20].epoch}},
	}}}
	anybody.step(Received{liar.id, lie})
	if o := anybody.dir.names[svc].owner(liar.id); len(o.claims) != 1 {
		t.Fatalf("the lie was not heard: %d claims", len(o.claims))
	}
	w.mustStay(0)
	w.nodes[0].unregister(svc)
	w.nodes[15].register(svc)
	w.mustAgree(100 * time.Millisecond)
}

// Whatever members say, in whatever order, with whatever numbers, a directory stays
// consistent and within its limits.
func TestGarbage(t *testing.T) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for _, n := range []int{5, 40} {
		config := Config{PeerNames: 20, PeerClaims: 20, Entries: 60}
		v := newVictim(t, n, config)
		names := manyNames(0, 30)
		for _, name := range names[:15] {
			v.step(Watch{name})
			v.step(Register{name})
		}
		number := func() uint64 { return []uint64{0, 1, 2, 3, 1 << 40, 1<<64 - 1}[random.IntN(6)] }
		some := func() []Name { i := random.IntN(len(names)); return names[i:min(len(names), i+random.IntN(8))] }
		for range 5000 {
			v.now = v.now.Add(time.Duration(random.Int64N(int64(200 * time.Millisecond))))
			var m wire.Message
			switch random.IntN(4) {
			case 0, 1:
				u := &wire.Update{Epoch: min(number(), 2), Previous: number(), Sequence: number(), Reset: random.IntN(2) == 0, Complete: random.IntN(2) == 0}
				u.Registered, u.Unregistered, u.Watched, u.Unwatched = some(), some(), some(), some()
				for _, name := range some() {
					a := wire.Answer{Name: name, Current: random.IntN(2) == 0, Anew: random.IntN(2) == 0}
					for range random.IntN(6) {
						a.Added = append(a.Added, wire.Registrant{Node: nodeID(random.IntN(n)), Epoch: number()})
						a.Removed = append(a.Removed, nodeID(random.IntN(n)))
					}
					u.Answers = append(u.Answers, a)
				}
				m = u
			case 2:
				m = &wire.Digest{Epoch: min(number(), 2), Sequence: number(), Ask: random.IntN(2) == 0}
			case 3:
				m = &wire.Ack{Epoch: min(number(), 2), Have: number(), Seen: number()}
			}
			if actions := v.step(Received{nodeID(random.IntN(n + 3)), m}); len(actions) > 200 {
				t.Fatalf("%d actions for one message", len(actions))
			}
			if s := v.Stats(); s.Entries > config.Entries {
				t.Fatalf("%d entries", s.Entries)
			}
		}
	}
}

// Messages of a life before are not taken for those of this one.
func TestOldMessages(t *testing.T) {
	v := newVictim(t, 5, Config{})
	v.step(Watch{svc})
	peer := nodeID(1)
	first := &wire.Update{Epoch: 1, Sequence: 5, Reset: true, Complete: true, Registered: []Name{svc}}
	second := &wire.Update{Epoch: 1, Previous: 5, Sequence: 6, Unregistered: []Name{svc}}
	wants := func(when string, n int) {
		t.Helper()
		if nodes, _ := v.Lookup(svc); len(nodes) != n {
			t.Errorf("%s: %v, want %d", when, nodes, n)
		}
	}
	v.step(Received{peer, first})
	wants("registered", 1)
	v.step(Received{peer, second})
	v.step(Received{peer, first})
	v.step(Received{peer, second})
	wants("repeated", 0)
	v.wantRefused(Stale, 2)

	members := v.members
	v.step(Membership{members.Without(peer)})
	v.step(Membership{members})
	v.step(Received{peer, first})
	wants("from before it was away", 0)
	v.wantRefused(Stale, 3)

	v.step(Membership{members.With(peer, 2)})
	v.step(Received{peer, &wire.Update{Epoch: 1, Sequence: 9, Reset: true, Complete: true, Registered: []Name{svc}}})
	wants("from before it was started", 0)
	v.wantRefused(OldEpoch, 1)
	v.step(Received{peer, &wire.Update{Epoch: 2, Sequence: 1, Reset: true, Complete: true, Registered: []Name{svc}}})
	wants("of its new life", 1)
	v.step(Received{peer, &wire.Ack{Epoch: 7}})
	v.wantRefused(OldEpoch, 2)
	v.step(Received{peer, nil})
	v.wantRefused(Foreign, 1)
}

// asks returns how many of the actions ask a peer to say everything anew.
func (v *victim) asks(peer transport.PeerID, actions []Action) (times int) {
	for _, a := range actions {
		if send, ok := a.(Send); ok && send.To == peer {
			if ack, ok := send.Message.(*wire.Ack); ok && ack.Have == 0 && ack.Seen == v.sequence {
				times++
			}
		}
	}
	return times
}

// A peer that was taken for dead is asked to say everything anew when it is back, and asked again until it
// does: what it is asked first may be lost with a link that is about to end.
func TestWhoIsBackIsAskedUntilItAnswers(t *testing.T) {
	v := newVictim(t, 3, Config{})
	peer, members := nodeID(1), v.members
	v.hears(peer, wire.Update{Registered: manyNames(1, 1)})
	away := func() []Action {
		v.step(Membership{members.Without(peer)})
		return v.step(Membership{members})
	}
	if n := v.asks(peer, away()); n != 1 {
		t.Errorf("it is asked %d times when it is back", n)
	}
	if n := v.asks(peer, v.pass(askAgain)); n != 1 {
		t.Errorf("it is asked %d times more when it says nothing", n)
	}
	v.hears(peer, wire.Update{Reset: true, Registered: manyNames(1, 1)})
	if n := v.asks(peer, v.pass(10*askAgain)); n != 0 {
		t.Errorf("it is asked %d times though it has said all", n)
	}
	away()
	if n := v.asks(peer, v.pass(10*askAgain)); n != 2 {
		t.Errorf("it is asked %d times more when it goes on saying nothing", n)
	}
}

// A peer whose names were refused for want of room is asked for them when there is room, again
// until it says them.
func TestRefusedNamesAreAskedForWhenThereIsRoom(t *testing.T) {
	v := newVictim(t, 3, Config{PeerNames: 100})
	greedy := nodeID(1)
	many, late := manyNames(1, 100), manyNames(2, 1)
	v.hears(greedy, wire.Update{Registered: many})
	v.hears(greedy, wire.Update{Registered: late})
	v.wantRefused(TooManyNames, 1)
	asks := func() bool { return v.asks(greedy, v.pass(2*askAgain)) > 0 }
	if asks() {
		t.Error("it is asked though there is no room")
	}
	v.hears(greedy, wire.Update{Unregistered: many[:50]})
	for i := range 2 {
		if !asks() {
			t.Fatalf("it is not asked, %d times before", i)
		}
	}
	v.hears(greedy, wire.Update{Reset: true, Registered: append(late, many[50:]...)})
	if asks() {
		t.Error("it is asked though it has said all")
	}
	if len(v.names[late[0]].registrants) != 1 {
		t.Error("the name that was refused is not known")
	}
}

// Names that go make room for those that come in the same update.
func TestNamesThatGoMakeRoomFirst(t *testing.T) {
	v := newVictim(t, 3, Config{PeerNames: 100})
	before, after := manyNames(1, 100), manyNames(2, 100)
	v.hears(nodeID(1), wire.Update{Registered: before, Watched: before})
	v.hears(nodeID(1), wire.Update{Registered: after, Unregistered: before, Watched: after, Unwatched: before})
	v.wantRefused(TooManyNames, 0)
}

// pass lets time pass, with all ticks, and returns what was done.
func (v *victim) pass(d time.Duration) (actions []Action) {
	v.t.Helper()
	end := v.now.Add(d)
	for {
		at, ok := v.Next()
		if !ok || at.After(end) {
			v.now = end
			return actions
		}
		if at.After(v.now) {
			v.now = at
		}
		actions = append(actions, v.step(Tick{})...)
	}
}

// What comes from nobody, acknowledges what was never sent, or names more nodes than there may be
// is counted, and changes nothing else.
func TestWhatIsRefusedIsCounted(t *testing.T) {
	v := newVictim(t, 40, Config{PeerClaims: 5})
	v.step(Received{nodeID(99), &wire.Ack{Epoch: 1}})
	v.step(Received{nodeID(0), &wire.Update{Epoch: 1, Sequence: 1, Reset: true, Complete: true}})
	v.wantRefused(UnknownPeer, 2)

	v.step(Watch{svc})
	owner := v.Owners(svc)[0]
	if owner == nodeID(0) {
		owner = v.Owners(svc)[1]
	}
	v.step(Received{owner, &wire.Ack{Epoch: 1, Have: 1 << 40, Seen: 1 << 40}})
	v.wantRefused(BadAck, 1)

	claim := wire.Answer{Name: svc, Current: true}
	for i := range 8 {
		claim.Added = append(claim.Added, wire.Registrant{Node: nodeID(30 + i), Epoch: 1})
	}
	v.hears(owner, wire.Update{Answers: []wire.Answer{claim}})
	v.wantRefused(TooManyClaims, 3)

	v.sequence += 5
	v.hears(owner, wire.Update{Registered: []Name{other}})
	v.wantRefused(Gap, 1)
}
