package load

import (
	"encoding/binary"
	"time"
)

// header is how each message begins:
//
//	sender  4 bytes  who has sent it
//	number  8 bytes  its place among those of the sender, from 0
//	due     8 bytes  when it was due, in nanoseconds since the run began; 0: not to be timed
//
// All in network byte order. The rest of a message is zeros.
type header struct {
	sender uint32
	number uint64
	due    time.Duration
}

const headerSize = 20

// probe is the sender of messages that find out whether there is a way.
const probe = 1<<32 - 1

func (h header) put(b []byte) {
	binary.BigEndian.PutUint32(b, h.sender)
	binary.BigEndian.PutUint64(b[4:], h.number)
	binary.BigEndian.PutUint64(b[12:], uint64(h.due))
}

// parseHeader returns false for what is too short to be a message of a run.
func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize {
		return header{}, false
	}
	return header{
		sender: binary.BigEndian.Uint32(b),
		number: binary.BigEndian.Uint64(b[4:]),
		due:    time.Duration(binary.BigEndian.Uint64(b[12:])),
	}, true
}
