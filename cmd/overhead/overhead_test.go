package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The ratio of a round is that of its B to its A, and the table has their median.
func TestTheTableComparesRounds(t *testing.T) {
	plain := []figures{{idle: 0.010, rate: 1000, p99: 100}, {idle: 0.020, rate: 2000, p99: 200}}
	watched := []figures{{idle: 0.011, rate: 990, p99: 101}, {idle: 0.026, rate: 1980, p99: 206}}
	text := table(options{each: time.Second, rate: 2000, rounds: 2}, plain, watched)
	for _, row := range []string{
		"| requests a second, 128 in flight | 1500 | 1485 | 0.99 (0.99–0.99) |",
		"| p99 at 2000 requests a second, µs | 150 | 154 | 1.02 (1.01–1.03) |",
		"| processor of two idle nodes, ms a second | 15.00 | 18.50 | 1.20 (1.10–1.30) |",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("there is no row %q:\n%s", row, text)
		}
	}
}

// Nothing is measured of nodes that cannot be looked at.
func TestWhatCannotBeLookedAtEndsThePhase(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	look(ctx, cancel, s.URL+"/metrics", protobuf, time.Hour)
	if err := context.Cause(ctx); err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "404") {
		t.Errorf("the phase ends with %v", err)
	}
}
