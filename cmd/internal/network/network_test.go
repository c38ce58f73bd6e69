package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// roleVariable tells the test's own program what to do.
const roleVariable = "TEST_NETWORK_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "broken":
		fmt.Fprintln(os.Stderr, `{"level":"INFO","msg":"starting"}`)
		fmt.Fprintln(os.Stderr, "panic: it hurts")
		os.Exit(2)
	case "mute":
		<-time.After(time.Hour)
	}
	os.Exit(m.Run())
}

func TestConfigurations(t *testing.T) {
	good := Config{Nodes: 3, Seeds: 2}
	for _, row := range []struct {
		change func(*Config)
		want   string // empty: it is good
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Nodes = 2 }, "2 nodes; it has 3 to 1000"},
		{func(c *Config) { c.Nodes = 1001 }, "1001 nodes; it has 3 to 1000"},
		{func(c *Config) { c.Seeds = 0 }, "0 nodes to join"},
		{func(c *Config) { c.Seeds = 3 }, "3 nodes to join"},
		{func(c *Config) { c.Idle = -1 }, "less than nothing"},
		{func(c *Config) { c.Pairs = 1 << 40 }, "2199023255686 open files in a process"},
	} {
		c := good
		row.change(&c)
		err := c.check()
		if row.want == "" && err != nil || row.want != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%+v: got %v, want %q", c, err, row.want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*time.Microsecond)
	}
	for _, row := range []struct {
		took []time.Duration
		want Times
	}{
		{nil, Times{}},
		{hundred[:1], Times{100, 100, 100}},
		{hundred[98:], Times{1, 2, 2}},
		{hundred, Times{50, 99, 100}},
	} {
		if got := percentiles(row.took); got != row.want {
			t.Errorf("of %d: got %+v, want %+v", len(row.took), got, row.want)
		}
	}
}

func TestParseLine(t *testing.T) {
	for _, row := range []struct {
		text  string
		want  line
		ready *readyLine
	}{
		{`{"level":"WARN","msg":"slow","port":"x"}`, line{"WARN", "slow"}, nil},
		{
			`{"level":"INFO","msg":"ready","port":7,"peer":"quic://127.0.0.1:8,tcp://127.0.0.1:8","id":"ab","http":"127.0.0.1:9"}`,
			line{"INFO", "ready"},
			&readyLine{7, "quic://127.0.0.1:8,tcp://127.0.0.1:8", "127.0.0.1:9"},
		},
		{"panic: it hurts", line{"ERROR", "panic: it hurts"}, nil},
		{`{"level":"INFO","msg":"ready","port":"seven"}`, line{"ERROR", `{"level":"INFO","msg":"ready","port":"seven"}`}, nil},
	} {
		got, ready := parseLine(row.text)
		if got != row.want || (ready == nil) != (row.ready == nil) || ready != nil && *ready != *row.ready {
			t.Errorf("%s: got %+v, %+v", row.text, got, ready)
		}
	}
}

// Messages are counted by level and text, and there is a bound on how many are told apart.
func TestMessagesAreCounted(t *testing.T) {
	counted := newTally()
	for range 3 {
		counted.add(line{levelWarn, "slow"}, "the first line")
	}
	counted.add(line{levelError, "broken"}, "a line")
	want := []Message{{levelWarn, "slow", 3, "the first line"}, {levelError, "broken", 1, "a line"}}
	if got := counted.take(); got.Warnings != 3 || got.Errors != 1 || !slices.Equal(got.Messages, want) {
		t.Errorf("got %+v", got)
	}
	for i := range maxMessages + 7 {
		counted.add(line{levelError, fmt.Sprint("broken ", i)}, "a line")
	}
	got := counted.take()
	if got.Warnings != 0 || got.Errors != maxMessages+7 || len(got.Messages) != maxMessages+1 || got.Messages[0].Text != otherMessages || got.Messages[0].Count != 7 {
		t.Errorf("got %+v", got)
	}
}

// runRole runs a network whose nodes are the test's own program.
func runRole(ctx context.Context, role string) (Result, error) {
	return Run(ctx, Config{Program: os.Args[0], Env: append(os.Environ(), roleVariable+"="+role), Nodes: 3, Seeds: 1, Transport: "quic"})
}

func TestFailuresNameTheNodeAndItsLog(t *testing.T) {
	result, err := runRole(t.Context(), "broken")
	for _, want := range []string{"starting the nodes: node 0 has ended (exit status 2): it is not ready", "panic: it hurts"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if result.Log.Errors != 1 || result.Log.Messages[0].Text != "panic: it hurts" || result.Met != nil {
		t.Errorf("got %+v", result)
	}
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
	defer cancel()
	if _, err := runRole(ctx, "mute"); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), Config{Program: "/does/not/exist", Nodes: 3, Seeds: 1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
