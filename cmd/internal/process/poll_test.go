package process

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Servers are asked one after the other, each until it knows, ever less often.
func TestServersAreAskedSparsely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := newProcess(Spec{Name: "slow"}), newProcess(Spec{Name: "quick"})
		asked := make(map[*Process]int)
		began := time.Now()
		err := AwaitEach(t.Context(), []*Process{slow, quick}, func(p *Process) (bool, string, error) {
			asked[p]++
			return time.Since(began) >= 10*time.Second, "", nil
		})
		if err != nil || asked[quick] != 1 {
			t.Errorf("%v; the quick one was asked %d times", err, asked[quick])
		}
		if late := time.Since(began) - 10*time.Second; late > lastPause || asked[slow] > int(10*time.Second/lastPause)+10 {
			t.Errorf("asked %d times, and seen %v late", asked[slow], late)
		}
	})
}

func TestAServerThatDoesNotKnowInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, late)
		defer cancel()
		err := AwaitEach(ctx, []*Process{newProcess(Spec{Name: "slow"})}, func(*Process) (bool, string, error) { return false, "no", nil })
		if !errors.Is(err, late) || !strings.Contains(err.Error(), "slow: too late when it says no") {
			t.Errorf("got %v", err)
		}
	})
}

// Starts are at equal distances, and one that is late holds up none that is not due.
func TestStagger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		err := Stagger(t.Context(), 4, 3*time.Second, func(i int) error {
			at = append(at, time.Since(began))
			if i == 0 {
				time.Sleep(1500 * time.Millisecond)
			}
			return nil
		})
		want := []time.Duration{0, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second}
		if err != nil || !slices.Equal(at, want) {
			t.Errorf("at %v, want %v; %v", at, want, err)
		}
		failed := errors.New("it does not start")
		if err := Stagger(t.Context(), 1, 0, func(int) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Stagger(ctx, 1, 0, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
