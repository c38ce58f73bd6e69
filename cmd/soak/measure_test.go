package main

import (
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/witness"
)

// soaked is a soak of 100 s in which a value of each figure grows from the second tenth to the last.
func soaked(grow func(u *usage, latency *time.Duration)) *soak {
	s := &soak{ledger: witness.NewLedger()}
	for at := time.Duration(0); at < 100*time.Second; at += time.Second {
		u, latency := usage{memory: 40, threads: 12, descriptors: 30}, time.Millisecond
		if at < 10*time.Second || at >= 90*time.Second {
			grow(&u, &latency)
		}
		s.samples = append(s.samples, sample{at, []usage{u, {40, 12, 30}}, latency})
	}
	return s
}

func TestGrowthIsSeen(t *testing.T) {
	for _, row := range []struct {
		grown string // empty: nothing is
		grow  func(u *usage, latency *time.Duration)
	}{
		{"", func(*usage, *time.Duration) {}},
		{"", func(u *usage, _ *time.Duration) { u.memory += 10 }},
		{"node 1, memory", func(u *usage, _ *time.Duration) { u.memory += 20 }},
		{"node 1, threads", func(u *usage, _ *time.Duration) { u.threads += 8 }},
		{"node 1, descriptors", func(u *usage, _ *time.Duration) { u.descriptors += 20 }},
		{"requests, median", func(_ *usage, latency *time.Duration) { *latency *= 5 }},
	} {
		table, err := soaked(row.grow).judge(options{duration: 100 * time.Second})
		switch {
		case row.grown == "" && err != nil:
			t.Error(err)
		case row.grown != "" && (err == nil || !strings.Contains(err.Error(), row.grown+" has grown") || strings.Count(err.Error(), "grown") != 1):
			t.Errorf("%s: got %v", row.grown, err)
		}
		if !strings.Contains(table, "| node 2, memory | 40.0 MiB | 40.0 MiB | 52.0 MiB |") {
			t.Errorf("the table is\n%s", table)
		}
	}
}

// Where nothing is answered any more nothing grows, and that is no good end.
func TestRequestsWithoutRepliesAreSeen(t *testing.T) {
	s := soaked(func(_ *usage, latency *time.Duration) { *latency = 0 })
	if _, err := s.judge(options{duration: 100 * time.Second}); err == nil || !strings.Contains(err.Error(), "requests, median is missing") {
		t.Errorf("got %v", err)
	}
	s.samples = nil
	if _, err := s.judge(options{duration: 100 * time.Second}); err == nil || !strings.Contains(err.Error(), "node 1, memory is missing") {
		t.Errorf("without samples: %v", err)
	}
}

func TestStatusIsRead(t *testing.T) {
	memory, threads, err := parseStatus("Name:\tiris\nVmRSS:\t   20480 kB\nThreads:\t9\n")
	if memory != 20 || threads != 9 || err != nil {
		t.Errorf("got %v, %v, %v", memory, threads, err)
	}
	for _, text := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\tmany kB\nThreads:\t9\n"} {
		if _, _, err := parseStatus(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
