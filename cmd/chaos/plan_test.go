//go:build linux

package main

import (
	"fmt"
	"slices"
	"testing"
)

// A seed repeats its schedule, and another one has another.
func TestASeedRepeatsItsSchedule(t *testing.T) {
	schedule := func(seed uint64) (text string) {
		p := newPlanner(seed, hosts, kinds)
		for range 50 {
			text += fmt.Sprintln(p.round())
		}
		return text
	}
	if first, again := schedule(1), schedule(1); first != again {
		t.Error("one seed has two schedules")
	}
	if schedule(1) == schedule(2) {
		t.Error("two seeds have one schedule")
	}
}

// In each round a host has one fault at most, all end in time, and all kinds come as often.
func TestARound(t *testing.T) {
	times := make(map[kind]int)
	kinds := append(slices.Clone(kinds), clockSet)
	p := newPlanner(7, hosts, kinds)
	for range 100 {
		had := make(map[int]bool)
		for _, f := range p.round() {
			if had[f.host] || f.host == f.other || f.host >= hosts || f.length <= 0 || f.after+f.length > longest {
				t.Errorf("a round has %v", f)
			}
			had[f.host] = true
			times[f.kind]++
		}
	}
	for _, k := range kinds {
		if times[k] < 10 || times[k] < times[kinds[0]]-1 || times[k] > times[kinds[0]]+1 {
			t.Errorf("%s comes %d times in 100 rounds, %s %d times", k, times[k], kinds[0], times[kinds[0]])
		}
	}
}
