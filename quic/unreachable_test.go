package quic

import (
	"testing"
	"time"
)

// TestForgedMessagesDoNotEndALink has more of them arrive than a real end has,
// while the peer is heard.
func TestForgedMessagesDoNotEndALink(t *testing.T) {
	begin := time.Now()
	rows := []struct {
		name     string
		messages int
		apart    time.Duration
		heard    bool // a packet after each
		ends     bool
	}{
		{"a peer that is gone", proofs, proofGap, false, true},
		{"one too few", proofs - 1, proofGap, false, false},
		{"a flood at once", 1000, time.Microsecond, false, false},
		{"forever, but the peer answers", 1000, proofGap, true, false},
	}
	for _, row := range rows {
		var d doubt
		ended := false
		for i := range row.messages {
			heard := uint64(1)
			if row.heard {
				heard += uint64(i)
			}
			enough, _ := d.add(begin.Add(time.Duration(i)*row.apart), proofGap, heard)
			ended = ended || enough
		}
		if ended != row.ends {
			t.Errorf("%s: ended is %v", row.name, ended)
		}
	}
}
