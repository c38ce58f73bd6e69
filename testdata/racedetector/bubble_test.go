// Package racedetector shows, without any code of Iris, why the Makefile runs networks of
// many nodes in synctest bubbles with -cpu 1. It is in testdata so that ./... leaves it
// out: its first test is expected to crash.
//
//	go test -race -cpu 2 -count 5 -run OneBubble ./testdata/racedetector
//
// The runtime fires a timer whose channel nobody waits on when somebody receives from it,
// on the receiver's thread (runtime.timer.maybeRunChan). It tells the race detector that a
// context of the timers is at work: that of the processor, but in a bubble that of the
// bubble (runtime.timer.unlockAndRun, bubble.timers.raceCtx). The detector allows one
// thread at a time to use a context. Two processors that fire timers of one bubble at once
// are two.
//
// How many of 20 runs crashed, each a process with -count 1, with go1.26.8 on linux/amd64
// and two cores:
//
//	                            -cpu 1   -cpu 2
//	TestOneBubble                    0       20
//	TestABubbleEach                  0        0
//	TestNoBubble                     0        0
//	TestOneBubble without -race      0        0
//
// It is a SIGSEGV or another fatal error of the runtime in most runs, a "ThreadSanitizer:
// CHECK failed" of tsan_rtl.cpp in others: what two threads leave behind in the context.
// https://go.dev/issue/78156 reports such a CHECK failed in a bubble of go1.26.0.
//
// When a later version of Go passes the command above again and again, -cpu 1 can go.
package racedetector

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fire fires a timer again and again, at once: by the receive.
func fire() {
	timer := time.NewTimer(0)
	for range 200_000 {
		timer.Reset(0)
		<-timer.C
	}
}

// fireTwice does so in two goroutines.
func fireTwice(*testing.T) {
	var firing sync.WaitGroup
	firing.Go(fire)
	firing.Go(fire)
	firing.Wait()
}

// Two goroutines of one bubble crash the race detector on two processors.
func TestOneBubble(t *testing.T) { synctest.Test(t, fireTwice) }

// Two goroutines with a bubble each do not.
func TestABubbleEach(t *testing.T) {
	for _, name := range []string{"one", "other"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(*testing.T) { fire() })
		})
	}
}

// Two goroutines outside of a bubble do not.
func TestNoBubble(t *testing.T) { fireTwice(t) }
