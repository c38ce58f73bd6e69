// Package conversation loads the recordings in relay/testdata/conversations: what
// bindings of 2014–15 and the node of their time said to each other. It is for
// tests only. The README there describes the files and their format.
package conversation

import (
	"slices"
	"time"
)

// Side is the side of a connection that sent bytes.
type Side string

// The two sides of a connection, by their names in the files.
const (
	Client Side = "client" // the application
	Relay  Side = "relay"
)

// Read is what one read from one side of one connection returned. It may hold
// several frames or part of one.
type Read struct {
	Conn  int // counted from 1 in each conversation
	From  Side
	At    time.Duration // since the recording began
	Bytes []byte        // empty: the end of this side's stream
}

// Conversation is one recording.
type Conversation struct {
	Name  string // of the file, without its extensions
	Reads []Read // in the order in which they happened
}

// Conns returns the connections of the conversation in the order in which they
// spoke first.
func (c *Conversation) Conns() []int {
	var conns []int
	for _, r := range c.Reads {
		if !slices.Contains(conns, r.Conn) {
			conns = append(conns, r.Conn)
		}
	}
	return conns
}

// From returns the reads from one side of one connection, in order.
func (c *Conversation) From(conn int, side Side) []Read {
	var reads []Read
	for _, r := range c.Reads {
		if r.Conn == conn && r.From == side {
			reads = append(reads, r)
		}
	}
	return reads
}

// Stream returns all that one side of one connection sent.
func (c *Conversation) Stream(conn int, side Side) []byte {
	var stream []byte
	for _, r := range c.From(conn, side) {
		stream = append(stream, r.Bytes...)
	}
	return stream
}
