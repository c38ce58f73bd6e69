package deadline

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is the table as one would write it without regard to speed.
type model struct {
	next    uint64
	entries []entry
}

type entry struct {
	id    uint64
	at    time.Time
	value int
}

func (m *model) add(at time.Time, value int) uint64 {
	m.next++
	m.entries = append(m.entries, entry{m.next - 1, at, value})
	return m.next - 1
}

func (m *model) find(id uint64) int {
	return slices.IndexFunc(m.entries, func(e entry) bool { return e.id == id })
}

func (m *model) take(id uint64) (entry, bool) {
	i := m.find(id)
	if i < 0 {
		return entry{}, false
	}
	e := m.entries[i]
	m.entries = slices.Delete(m.entries, i, i+1)
	return e, true
}

func (m *model) earliest() (time.Time, bool) {
	if len(m.entries) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(m.entries, func(a, b entry) int { return a.at.Compare(b.at) }).at, true
}

// pair is a table and its model, which are given the same operations.
type pair struct {
	table Table[int]
	model model
	now   int // seconds
}

func TestTableIsItsModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		var p pair
		// Operations in the proportions of this table: some shrink, some grow.
		ops := []byte("\x00\x00\x00\x01\x01\x02\x03")[random.IntN(3):]
		for range 500 {
			op := ops[random.IntN(len(ops))]
			p.step(t, op, byte(random.IntN(256)))
			check(t, &p.table)
		}
	}
}

// FuzzTable takes its operations from pairs of bytes.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x05\x00\x01\x00\x03\x01\x01\x02\x02\x03\x02\x03\x09"))
	f.Add([]byte("\x00\x01\x00\x05\x00\x02\x00\x06\x00\x07\x00\x03\x00\x04\x01\x03\x03\xff"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		var p pair
		for len(ops) >= 2 && p.model.next < 1000 {
			p.step(t, ops[0], ops[1])
			check(t, &p.table)
			ops = ops[2:]
		}
	})
}

// step does one operation on both and compares what they say.
func (p *pair) step(t *testing.T, op, argument byte) {
	t.Helper()
	switch op % 4 {
	case 0:
		p.add(t, argument)
	case 1:
		p.take(t, argument)
	case 2:
		p.now += int(argument % 2)
		p.expire(t)
	case 3:
		p.expire(t)
	}
	if p.table.Len() != len(p.model.entries) {
		t.Fatalf("%d values, want %d", p.table.Len(), len(p.model.entries))
	}
	next, ok := p.table.Next()
	if want, wantOK := p.model.earliest(); ok != wantOK || !next.Equal(want) {
		t.Fatalf("next is %v, %t; want %v, %t", next, ok, want, wantOK)
	}
}

func (p *pair) add(t *testing.T, argument byte) {
	t.Helper()
	deadline := at(p.now + int(argument%64)) // few, so that many are equal
	value := int(p.model.next)
	if id, want := p.table.Add(deadline, value), p.model.add(deadline, value); id != want {
		t.Fatalf("Add gave %d, want %d", id, want)
	}
}

// take takes one of the latest ids, one that is gone, or one that never was.
func (p *pair) take(t *testing.T, argument byte) {
	t.Helper()
	id := p.model.next + 2 - min(uint64(argument%64), p.model.next+2)
	if has := p.model.find(id) >= 0; p.table.Has(id) != has {
		t.Fatalf("Has(%d) = %t", id, !has)
	}
	want, wantOK := p.model.take(id)
	if v, ok := p.table.Take(id); ok != wantOK || v != want.value {
		t.Fatalf("Take(%d) = %d, %t; want %d, %t", id, v, ok, want.value, wantOK)
	}
}

// expire expires all that is due. Which of those with equal deadlines comes first
// is left open.
func (p *pair) expire(t *testing.T) {
	t.Helper()
	now := at(p.now)
	due := slices.DeleteFunc(slices.Clone(p.model.entries), func(e entry) bool { return e.at.After(now) })
	var got []entry
	for {
		earliest, _ := p.model.earliest()
		id, value, ok := p.table.Expire(now)
		if !ok {
			break
		}
		e, there := p.model.take(id)
		if !there || e.value != value || !e.at.Equal(earliest) {
			t.Fatalf("expired %d with %d (due: %t); the earliest deadline is %v", id, value, there, earliest)
		}
		got = append(got, e)
	}
	slices.SortFunc(got, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	if !slices.Equal(got, due) {
		t.Fatalf("expired %v, want %v", got, due)
	}
}
