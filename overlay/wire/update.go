package wire

import "github.com/project-iris/iris/transport"

// Update is one message of the stream by which a node tells another what it
// registers there, what it watches there, and what it knows about the names that
// the other watches. A receiver applies it if Previous is the sequence of the last
// one that it applied, or if Reset is set, and only once.
//
//	0x10 epoch:varint previous:varint sequence:varint flags:byte
//	     registered:name list unregistered:name list
//	     watched:name list unwatched:name list
//	     answers:(name flags:byte (node epoch:varint) list node list) list
//
// Flags: 1 reset, 2 complete. Flags of an answer: 1 current, 2 anew.
type Update struct {
	Epoch    uint64 // of the sender: grows with each start of a node
	Previous uint64 // sequence of the Update to this receiver before it, zero for none
	Sequence uint64 // grows with every Update that the sender sends to anybody, from one
	// Reset starts over: what was said before holds only if it is said again by the
	// Update that has Complete set, this one or a later one.
	Reset    bool
	Complete bool

	Registered   []Name // the sender has members of them
	Unregistered []Name
	Watched      []Name // the sender wants to know who registers them here
	Unwatched    []Name
	Answers      []Answer
}

// Answer is what changed about a name that the receiver watches at the sender.
type Answer struct {
	Name    Name
	Current bool // all that the sender knows about the name has been said
	Anew    bool // what the sender said about the name before holds no longer
	Added   []Registrant
	Removed []transport.PeerID
}

// Registrant is a node that has members of a name.
type Registrant struct {
	Node  transport.PeerID
	Epoch uint64 // of the node when it registered
}

const (
	flagReset    = 1
	flagComplete = 2
	flagCurrent  = 1
	flagAnew     = 2
)

// The fewest bytes that elements of lists take, by which their counts are checked.
const (
	minAnswer     = sizeName + 3
	minRegistrant = sizePeerID + 1
)

// DirectoryLimit is the greatest length of a directory's frame in bytes, without
// the length itself.
const DirectoryLimit = 64 << 10

// The bytes that the parts of an Update take at most in its frame. A sender that
// adds them up stays within [DirectoryLimit].
const (
	UpdateOverhead = 1 + 3*10 + 1 + 5*3 // type, varints, flags, and the counts of five lists that fit
	NameBytes      = sizeName           // in one of the lists of names
	AnswerBytes    = sizeName + 1 + 2*3 // without its nodes
	AddedBytes     = sizePeerID + 10
	RemovedBytes   = sizePeerID
)

// Type returns TypeUpdate.
func (*Update) Type() Type { return TypeUpdate }

func (m *Update) fields() int {
	n := sizeVarint(m.Epoch) + sizeVarint(m.Previous) + sizeVarint(m.Sequence) + 1
	n += sizeNames(m.Registered) + sizeNames(m.Unregistered)
	n += sizeNames(m.Watched) + sizeNames(m.Unwatched)
	n += sizeVarint(uint64(len(m.Answers)))
	for i := range m.Answers {
		n += m.Answers[i].size()
	}
	return n
}

// Size returns the length of the frame in bytes.
func (m *Update) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Update) Append(b []byte) []byte {
	b = appendHead(b, TypeUpdate, m.fields())
	b = appendVarint(b, m.Epoch)
	b = appendVarint(b, m.Previous)
	b = appendVarint(b, m.Sequence)
	b = append(b, m.flags())
	b = appendNames(b, m.Registered)
	b = appendNames(b, m.Unregistered)
	b = appendNames(b, m.Watched)
	b = appendNames(b, m.Unwatched)
	b = appendVarint(b, uint64(len(m.Answers)))
	for i := range m.Answers {
		b = m.Answers[i].append(b)
	}
	return b
}

func (m *Update) consume(c *cursor) {
	m.Epoch = c.varint()
	m.Previous = c.varint()
	m.Sequence = c.varint()
	flags := c.byte()
	m.Reset, m.Complete = flags&flagReset != 0, flags&flagComplete != 0
	m.Registered = c.names(m.Registered)
	m.Unregistered = c.names(m.Unregistered)
	m.Watched = c.names(m.Watched)
	m.Unwatched = c.names(m.Unwatched)
	m.Answers = nil
	if n := c.count(minAnswer); n > 0 {
		m.Answers = make([]Answer, n)
	}
	for i := range m.Answers {
		m.Answers[i].consume(c)
	}
}

func (m *Update) flags() byte {
	var flags byte
	if m.Reset {
		flags |= flagReset
	}
	if m.Complete {
		flags |= flagComplete
	}
	return flags
}

func (a *Answer) size() int {
	n := sizeName + 1 + sizeVarint(uint64(len(a.Added))) + sizeVarint(uint64(len(a.Removed)))
	for i := range a.Added {
		n += sizePeerID + sizeVarint(a.Added[i].Epoch)
	}
	return n + sizePeerID*len(a.Removed)
}

func (a *Answer) append(b []byte) []byte {
	b = append(b, a.Name[:]...)
	b = append(b, a.flags())
	b = appendVarint(b, uint64(len(a.Added)))
	for i := range a.Added {
		b = append(b, a.Added[i].Node[:]...)
		b = appendVarint(b, a.Added[i].Epoch)
	}
	b = appendVarint(b, uint64(len(a.Removed)))
	for i := range a.Removed {
		b = append(b, a.Removed[i][:]...)
	}
	return b
}

func (a *Answer) flags() byte {
	var flags byte
	if a.Current {
		flags |= flagCurrent
	}
	if a.Anew {
		flags |= flagAnew
	}
	return flags
}

func (a *Answer) consume(c *cursor) {
	a.Name = c.name()
	flags := c.byte()
	a.Current, a.Anew = flags&flagCurrent != 0, flags&flagAnew != 0
	if n := c.count(minRegistrant); n > 0 {
		a.Added = make([]Registrant, n)
	}
	for i := range a.Added {
		a.Added[i] = Registrant{Node: c.node(), Epoch: c.varint()}
	}
	if n := c.count(sizePeerID); n > 0 {
		a.Removed = make([]transport.PeerID, n)
	}
	for i := range a.Removed {
		a.Removed[i] = c.node()
	}
}
