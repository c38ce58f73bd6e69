package process

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errFormat says that a file of /proc is not as proc(5) has it.
var errFormat = errors.New("unknown format")

// parseSwitches reads the context switches of a thread from its status (proc(5),
// /proc/PID/task/TID/status).
func parseSwitches(status string) (int64, error) {
	voluntary, err := field(status, "voluntary_ctxt_switches")
	if err != nil {
		return 0, err
	}
	others, err := field(status, "nonvoluntary_ctxt_switches")
	return voluntary + others, err
}

// parseMemory reads /proc/PID/smaps_rollup.
func parseMemory(rollup string) (m Memory, err error) {
	if m.RSS, err = field(rollup, "Rss"); err != nil {
		return m, err
	}
	m.PSS, err = field(rollup, "Pss")
	return Memory{m.RSS << 10, m.PSS << 10}, err
}

// field returns the number of a line "NAME: NUMBER", with or without " kB" behind it.
func field(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		}
	}
	return 0, fmt.Errorf("%w: no line %s", errFormat, name)
}

// parseTraffic reads /proc/net/snmp and /proc/net/netstat.
func parseTraffic(snmp, netstat string) (t traffic, err error) {
	for _, row := range []struct {
		text, group, name string
		value             *int64
	}{
		{snmp, "Udp", "OutDatagrams", &t.datagrams},
		{snmp, "Tcp", "OutSegs", &t.segments},
		{netstat, "IpExt", "OutOctets", &t.bytes},
	} {
		if *row.value, err = counter(row.text, row.group, row.name); err != nil {
			return t, err
		}
	}
	return t, nil
}

// counter returns a value of two lines "GROUP: NAME NAME…" and "GROUP: VALUE VALUE…".
func counter(text, group, name string) (int64, error) {
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != group+":" {
			continue
		}
		if names == nil {
			names = words
			continue
		}
		for i, n := range names {
			if n == name && i < len(words) {
				return strconv.ParseInt(words[i], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("%w: no %s of %s", errFormat, name, group)
}
