package mem

import (
	"time"

	"github.com/project-iris/iris/transport"
)

// kind is what an event does at the end where it arrives.
type kind uint8

const (
	knock    kind = iota // the dialler wants a link
	welcome              // the acceptor has a listener there
	farewell             // the sender has ended the link: code, data is the reason
	absent               // nobody listens there
	data                 // bytes of a stream
	finish               // the end of a stream's direction
	reset                // the sender gave up sending: code
	stop                 // the sender gave up reading: code
	credit               // the sender has read: amount
	release              // the sender is done with a stream that the receiver opened
	datagram             // data
)

// overhead is what an event takes of the bandwidth besides its data, in bytes;
// about what a packet has in headers, and it keeps empty ones from being free.
const overhead = 32

// An event is what travels on a wire, or beside them.
type event struct {
	kind   kind
	first  bool // the first one of its stream
	code   transport.Code
	amount int
	stream uint64
	data   []byte
	parcel *parcel // of a packet that travels beside the wires

	arrival  time.Time
	sequence uint64 // orders those that arrive at one time
}

// A schedule is a heap of events underway, the next to arrive first.
type schedule []*event

func (s schedule) Len() int      { return len(s) }
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s schedule) Less(i, j int) bool {
	if s[i].arrival.Equal(s[j].arrival) {
		return s[i].sequence < s[j].sequence
	}
	return s[i].arrival.Before(s[j].arrival)
}

// Push is for container/heap.
func (s *schedule) Push(e any) { *s = append(*s, e.(*event)) }

// Pop is for container/heap.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return e
}
