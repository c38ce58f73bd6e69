package wire

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded returns what nodes have said to each other in the recorded conversations, a frame each.
func recorded(tb testing.TB) (frames [][]byte) {
	tb.Helper()
	files, err := filepath.Glob("testdata/conversation-*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) != 4 {
				continue // a head or a remark
			}
			frame, err := hex.DecodeString(fields[3])
			if err != nil {
				tb.Fatalf("%s: %q: %v", file, line, err)
			}
			frames = append(frames, frame)
		}
	}
	return frames
}

// FuzzParse reads anything as the only message of a packet or of a stream, with its length
// and without.
func FuzzParse(f *testing.F) {
	for _, frame := range recorded(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if info, err := ParseInfo(data); err == nil {
			checkRoundTrip(t, info)
		}
		if tunnel, err := ParseTunnel(data); err == nil {
			checkRoundTrip(t, tunnel)
		}
	})
}
