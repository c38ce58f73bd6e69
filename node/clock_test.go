package node

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A clock that is set, and a host that sleeps, are noticed within a minute, and time that
// passes is not.
func TestAClockThatJumpsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock identitytest.Clock
		var jumps []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			watchClock(ctx, clock.Now, func(by time.Duration) { jumps = append(jumps, by) })
		}()
		time.Sleep(26 * time.Hour)
		steps := []time.Duration{26 * time.Hour, -2 * time.Hour, time.Second, 50 * 365 * 24 * time.Hour}
		for i, by := range steps {
			clock.Set(by)
			time.Sleep(time.Minute)
			synctest.Wait()
			if want := min(i+1, 2) + i/3; len(jumps) != want {
				t.Errorf("a minute after the clock was set by %v: %v", by, jumps)
			}
		}
		time.Sleep(26 * time.Hour)
		cancel()
		<-done
		if want := slices.Delete(steps, 2, 3); !slices.Equal(jumps, want) {
			t.Errorf("noticed %v, want %v", jumps, want)
		}
	})
}
