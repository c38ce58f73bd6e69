package process

import (
	"testing"
	"time"
)

func TestSpentIsThatOfAllProcesses(t *testing.T) {
	at := time.Now()
	before := Reading{
		{at: at, processor: time.Second, switches: map[int]int64{1: 10}},
		{at: at, processor: time.Minute, switches: map[int]int64{2: 5, 3: 7}},
	}
	after := Reading{
		{at: at.Add(3 * time.Second), processor: 3 * time.Second, switches: map[int]int64{1: 15, 4: 2}},
		{at: at.Add(5 * time.Second), processor: time.Minute + 2*time.Second, switches: map[int]int64{2: 6}},
	}
	want := Spent{Elapsed: 4 * time.Second, Processor: 4 * time.Second, Switches: 5 + 2 + 1}
	if got := after.Since(before); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := want.Cores(); got != 1 {
		t.Errorf("%v cores, want 1", got)
	}
}
