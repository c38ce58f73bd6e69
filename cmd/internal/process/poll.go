package process

import (
	"context"
	"fmt"
	"time"
)

// The pauses between two questions to a server that does not know yet what it is to know.
// They bound how late a time is that is measured so. A question costs a server some tenths of
// a millisecond.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// AwaitEach returns when a condition has been seen to hold on each of some servers, one after
// the other: of them at most one is asked at a time, and one that is done is not asked again.
// The condition returns what the server says, for the error when the context ends.
func AwaitEach[S interface{ Failed(error) error }](ctx context.Context, servers []S, condition func(S) (holds bool, says string, err error)) error {
	for _, s := range servers {
		if err := await(ctx, s, condition); err != nil {
			return err
		}
	}
	return nil
}

func await[S interface{ Failed(error) error }](ctx context.Context, s S, condition func(S) (bool, string, error)) error {
	says := "nothing yet"
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		holds, now, err := condition(s)
		switch {
		case ctx.Err() != nil: // it may be why the question failed
			return s.Failed(fmt.Errorf("%w when it says %s", context.Cause(ctx), says))
		case err != nil || holds:
			return err
		}
		says = now
		Sleep(ctx, pause)
	}
}

// Stagger calls a function n times, with numbers from 0, at equal distances within a time. It
// ends with an error of the function, or of the context.
func Stagger(ctx context.Context, n int, within time.Duration, start func(i int) error) error {
	began := time.Now()
	for i := range n {
		if i > 0 {
			Sleep(ctx, time.Until(began.Add(within*time.Duration(i)/time.Duration(n-1))))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := start(i); err != nil {
			return err
		}
	}
	return nil
}

// Sleep waits, or until the context ends.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
