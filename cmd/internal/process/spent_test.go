package process

import (
	"testing"
	"time"
)

func TestSpentIsThatOfAllProcesses(t *testing.T) {
	before := Reading{
		{processor: time.Second, switches: map[int]int64{1: 10}},
		{processor: time.Minute, switches: map[int]int64{2: 5, 3: 7}},
	}
	after := Reading{
		{processor: 3 * time.Second, switches: map[int]int64{1: 15, 4: 2}},
		{processor: time.Minute + time.Millisecond, switches: map[int]int64{2: 6}},
	}
	want := Spent{Processor: 2*time.Second + time.Millisecond, Switches: 5 + 2 + 1}
	if got := after.Since(before); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
