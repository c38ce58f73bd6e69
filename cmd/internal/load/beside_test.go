package load

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Two loads of the same applications at a time are measured each for itself.
func TestRequestsBesideAnotherLoad(t *testing.T) {
	for _, w := range []Workload{Events, Broadcasts, Tunnels} {
		t.Run(string(w), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testBeside(t, w) })
		})
	}
}

func testBeside(t *testing.T, w Workload) {
	f := &fake{delay: func(header) time.Duration { return time.Millisecond }}
	var ready int
	var boundaries []time.Duration
	began := time.Now()
	requests := Config{
		Workload: Requests, Callers: []int{1}, Services: []int{3, 3, 3}, Rate: 100,
		Ready: func() { ready++ }, Boundary: func() { boundaries = append(boundaries, time.Since(began)) },
	}
	beside := Config{Workload: w, Callers: []int{3, 3}, Services: []int{2, 2}, Rate: 50, Duration: time.Hour}
	beside.Boundary = func() { t.Error("the boundaries are those of the requests") }
	of, other, err := executeBeside(t.Context(), f, requests, beside, time.Sleep)
	if err := errors.Join(err, of.Err(), other.Err()); err != nil {
		t.Fatal(err)
	}
	receivers := map[Workload]int64{Events: 2, Broadcasts: 2, Tunnels: 1}[w]
	if of.Received != 11*100 || other.Received != receivers*11*50 {
		t.Errorf("%d requests and %d of the others, want %d and %d", of.Received, other.Received, 11*100, receivers*11*50)
	}
	if f.attached != 3 {
		t.Errorf("%d applications, want a caller and two services", f.attached)
	}
	if ready != 1 || len(boundaries) != 2 || boundaries[1]-boundaries[0] != 10*time.Second {
		t.Errorf("ready %d times, measured between %v", ready, boundaries)
	}
}

// What one of two loads loses is in its result, and not in that of the other.
func TestALossIsThatOfItsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{route: func(h header, m []byte) [][]byte {
			if h.number == 7 && len(m) == 4096 {
				return nil
			}
			return [][]byte{m}
		}}
		requests := Config{Workload: Requests, Callers: []int{1}, Services: []int{2}, Rate: 10}
		beside := Config{Workload: Events, Callers: []int{1}, Services: []int{2}, Rate: 10, Size: 4096}
		of, other, err := executeBeside(t.Context(), f, requests, beside, time.Sleep)
		if err := errors.Join(err, of.Err()); err != nil || other.Lost != 1 {
			t.Errorf("%v; %d events lost, want 1", err, other.Lost)
		}
	})
}

func TestOnlyRequestsAreMeasuredBeside(t *testing.T) {
	good := Config{Workload: Events, Callers: []int{1}, Services: []int{2}}
	requests := good
	requests.Workload = Requests
	for _, row := range [][2]Config{{good, good}, {requests, requests}, {requests, {Workload: Events}}} {
		if _, _, err := Beside(t.Context(), &fake{}, row[0], row[1]); !errors.Is(err, ErrConfig) {
			t.Errorf("%s beside %s: %v", row[0].Workload, row[1].Workload, err)
		}
	}
}
