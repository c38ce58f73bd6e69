package load

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// executeVirtual runs a load in virtual time, from one caller to one service.
func executeVirtual(t *testing.T, f *fake, config Config) Result {
	t.Helper()
	config.Callers, config.Services = []int{1}, []int{2}
	result, err := execute(t.Context(), f, config, time.Sleep)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

var workloads = []Workload{Requests, Events, Broadcasts, Tunnels}

func TestAllArrives(t *testing.T) {
	for _, w := range workloads {
		t.Run(string(w), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{delay: func(header) time.Duration { return time.Millisecond }}
				r := executeVirtual(t, f, Config{Workload: w, Rate: 100})
				if err := r.Err(); err != nil {
					t.Error(err)
				}
				if want := int64(11 * 100); r.Sent != want || r.Received != want {
					t.Errorf("sent %d, received %d, want %d", r.Sent, r.Received, want)
				}
				if r.PerSecond < 99 || r.PerSecond > 101 {
					t.Errorf("%v a second, want 100", r.PerSecond)
				}
				if r.Latency.P50 < 990 || r.Latency.Max > 1010 {
					t.Errorf("latencies %+v, want a millisecond", r.Latency)
				}
			})
		})
	}
}

// Nothing is sent before it is ready, and what is measured is between the boundaries.
func TestWhenALoadRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent int
		f := &fake{route: func(_ header, m []byte) [][]byte {
			sent++
			return [][]byte{m}
		}}
		began := time.Now()
		var marks []int
		r := executeVirtual(t, f, Config{
			Workload: Events, Rate: 10, Warmup: 2 * time.Second, Duration: 3 * time.Second,
			Ready: func() {
				time.Sleep(time.Minute)
				marks = append(marks, sent)
			},
			Boundary: func() { marks = append(marks, int(time.Since(began).Round(time.Second).Seconds())) },
		})
		if err := r.Err(); err != nil || !slices.Equal(marks, []int{0, 62, 65}) {
			t.Errorf("%v: got %v, want nothing sent, and the measured time 62 to 65 s from the start", err, marks)
		}
	})
}

// on treats one message in a special way.
func on(number uint64, treat func(message []byte) [][]byte) func(header, []byte) [][]byte {
	return func(h header, message []byte) [][]byte {
		if h.number == number {
			return treat(message)
		}
		return [][]byte{message}
	}
}

func TestWhatIsMissingOrTooMuchIsCounted(t *testing.T) {
	lose := on(7, func([]byte) [][]byte { return nil })
	twice := on(7, func(m []byte) [][]byte { return [][]byte{m, m} })
	var kept []byte
	swap := func(h header, m []byte) [][]byte {
		switch h.number {
		case 7:
			kept = m
			return nil
		case 8:
			return [][]byte{m, kept}
		}
		return [][]byte{m}
	}
	for _, row := range []struct {
		name                        string
		workloads                   []Workload
		route                       func(header, []byte) [][]byte
		lost, duplicated, reordered int64
	}{
		{"lost", workloads, lose, 1, 0, 0},
		{"twice", workloads, twice, 0, 1, 0},
		{"swapped", []Workload{Events, Broadcasts, Tunnels}, swap, 0, 0, 1},
	} {
		for _, w := range row.workloads {
			t.Run(row.name+" "+string(w), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := executeVirtual(t, &fake{route: row.route}, Config{Workload: w, Rate: 10})
					if r.Lost != row.lost || r.Duplicated != row.duplicated || r.Reordered != row.reordered {
						t.Errorf("%d lost, %d duplicated, %d reordered, want %d, %d, %d",
							r.Lost, r.Duplicated, r.Reordered, row.lost, row.duplicated, row.reordered)
					}
					if !errors.Is(r.Err(), ErrLost) {
						t.Errorf("the result's error is %v", r.Err())
					}
				})
			})
		}
	}
}

// A system that stops for a second: all that was due meanwhile has waited for it.
func TestAPauseIsInAllThatWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(h header) time.Duration {
			if h.number == 1500 {
				return time.Second
			}
			return 0
		}}
		r := executeVirtual(t, f, Config{Workload: Requests, Rate: 1000, InFlight: 1, Duration: 2 * time.Second})
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		// 1,000 of 2,000 waited, for a second at most, and half of them for more than half.
		if r.Latency.P50 > 10_000 || r.Latency.P90 < 700_000 || r.Latency.Max < 990_000 {
			t.Errorf("latencies %+v", r.Latency)
		}
	})
}

// What was due while the system stood still at the end counts as well.
func TestAPauseAtTheEndHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(h header) time.Duration {
			if h.number == 2500 {
				return time.Second
			}
			return 0
		}}
		r := executeVirtual(t, f, Config{Workload: Requests, Rate: 1000, InFlight: 1, Duration: 2 * time.Second})
		if r.Sent != 3000 || r.Lost != 0 || r.Latency.P90 < 700_000 {
			t.Errorf("got %+v, want 3,000 sent", r)
		}
	})
}

// Nobody takes more than the limit: the sender waits.
func TestEventsInFlightAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent uint64
		f := &fake{route: func(h header, m []byte) [][]byte {
			sent = max(sent, h.number+1)
			return nil
		}}
		r := executeVirtual(t, f, Config{Workload: Events, InFlight: 100})
		if sent != 100 || r.Sent != 100 || r.Lost != 100 {
			t.Errorf("%d sent, and %+v, want 100 sent and lost", sent, r)
		}
	})
}

func TestConfigsThatCannotBe(t *testing.T) {
	good := Config{Workload: Requests, Callers: []int{1}, Services: []int{1}}
	for name, spoil := range map[string]func(*Config){
		"workload": func(c *Config) { c.Workload = "dance" },
		"callers":  func(c *Config) { c.Callers = nil },
		"services": func(c *Config) { c.Services = nil },
		"small":    func(c *Config) { c.Size = MinSize - 1 },
		"large":    func(c *Config) { c.Size = maxSize + 1 },
		"rate":     func(c *Config) { c.Rate = -1 },
		"flight":   func(c *Config) { c.InFlight = -1 },
		"duration": func(c *Config) { c.Duration = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := c.resolve(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := good.resolve(); err != nil {
		t.Error(err)
	}
}

func TestLedger(t *testing.T) {
	for _, row := range []struct {
		name                       string
		numbers                    []uint64
		distinct, duplicates, late int64
	}{
		{"none", nil, 0, 0, 0},
		{"in order", []uint64{0, 1, 2}, 3, 0, 0},
		{"a gap", []uint64{0, 200}, 2, 0, 0},
		{"twice", []uint64{0, 1, 1, 0}, 2, 2, 0},
		{"late", []uint64{0, 2, 1}, 3, 0, 1},
		{"out of range", []uint64{ledgerLimit}, 0, 0, 0},
	} {
		var l ledger
		for _, n := range row.numbers {
			l.add(n)
		}
		if l.distinct != row.distinct || l.duplicates != row.duplicates || l.late != row.late {
			t.Errorf("%s: got %d, %d, %d, want %d, %d, %d", row.name,
				l.distinct, l.duplicates, l.late, row.distinct, row.duplicates, row.late)
		}
	}
}
