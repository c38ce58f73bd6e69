package relay

import (
	"errors"
	"testing"
)

func TestAssembly(t *testing.T) {
	type step struct {
		total uint64
		chunk int

		first uint64 // total to forward with
		pass  bool
		err   error
	}
	const limit = 1 << 20
	rows := []struct {
		name  string
		steps []step
	}{
		{"a message in one chunk", []step{{5, 5, 5, true, nil}}},
		{"a message in three", []step{{6, 2, 6, true, nil}, {0, 2, 0, true, nil}, {0, 2, 0, true, nil}, {0, 1, 0, false, nil}}},
		{"one after the other", []step{{2, 2, 2, true, nil}, {1, 1, 1, true, nil}}},
		{"an orphan before the first", []step{{0, 5, 0, false, nil}, {5, 5, 5, true, nil}}},
		{"an empty message", []step{{0, 0, 0, false, nil}}},
		{"an empty first chunk", []step{{5, 0, 0, false, nil}, {0, 3, 5, true, nil}, {0, 2, 0, true, nil}}},
		{"an empty continuation", []step{{5, 2, 5, true, nil}, {0, 0, 0, false, nil}, {0, 3, 0, true, nil}}},
		{"a message given up", []step{{5, 2, 5, true, nil}, {3, 3, 3, true, nil}, {0, 3, 0, false, nil}}},
		{"a message given up before its first byte", []step{{5, 0, 0, false, nil}, {3, 1, 3, true, nil}, {0, 2, 0, true, nil}}},
		{"a total that lies", []step{{5, 2, 5, true, nil}, {0, 4, 0, false, errOverflow}}},
		{"the longest chunk", []step{{limit, chunkLimit, limit, true, nil}}},
		{"a chunk over the limit", []step{{limit, chunkLimit + 1, 0, false, errChunkTooLong}}},
		{"a message at the limit", []step{{limit, 1, limit, true, nil}}},
		{"a message over the limit", []step{{limit + 1, 1, 0, false, errMessageTooLong}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := assembly{limit: limit}
			for i, s := range row.steps {
				first, pass, err := a.next(s.total, s.chunk)
				if first != s.first || pass != s.pass || !errors.Is(err, s.err) {
					t.Errorf("chunk %d: got %d, %v, %v, want %d, %v, %v", i, first, pass, err, s.first, s.pass, s.err)
				}
			}
		})
	}
}
