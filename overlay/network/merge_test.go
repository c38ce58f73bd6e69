package network

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Lists that are not merged at first are merged later, as long as the link lasts and as the
// other node has not become a member otherwise.
func TestListsAreMergedInTheEnd(t *testing.T) {
	rows := []struct {
		name     string
		failures int           // of tries
		member   int           // the look that finds it a member
		ends     time.Duration // the link
		tries    int
		least    time.Duration
		most     time.Duration
	}{
		{"at once", 0, 9, time.Hour, 1, 0, 0},
		{"after some failures", 3, 9, time.Hour, 4, 7 * time.Second, 10500 * time.Millisecond},
		{"a member already", 0, 1, time.Hour, 0, 0, 0},
		{"a member meanwhile", 9, 2, time.Hour, 1, time.Second, 1500 * time.Millisecond},
		{"a link that ends", 9, 9, 500 * time.Millisecond, 1, 500 * time.Millisecond, 500 * time.Millisecond},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			link, end := context.WithTimeout(t.Context(), row.ends)
			defer end()
			begin, looks, tries := time.Now(), 0, 0
			merge(link, func() bool { looks++; return looks >= row.member }, func() error {
				if tries++; tries <= row.failures {
					return errors.New("no time")
				}
				return nil
			})
			if took := time.Since(begin); tries != row.tries || took < row.least || took > row.most {
				t.Errorf("%s: %d tries in %v", row.name, tries, took)
			}
		})
	}
}
