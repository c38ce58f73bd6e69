package ownaddr

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxTable is how much of a table of routes is read, in bytes: about 8,000 routes. A router
// can have a million.
const maxTable = 1 << 20

// routes are the interfaces that a default route leads through, with the lowest metric.
type routes map[string]int

// defaultRoutes reads the kernel's tables. What cannot be read has no default route.
func defaultRoutes() routes {
	all := make(routes)
	all.read("/proc/net/route", route4)
	all.read("/proc/net/ipv6_route", route6)
	return all
}

func (r routes) read(path string, parse func(fields []string) (name string, metric int, ok bool)) {
	file, err := os.Open(path)
	if err != nil {
		return // there is no such version of IP
	}
	defer file.Close()
	for lines := bufio.NewScanner(io.LimitReader(file, maxTable)); lines.Scan(); {
		name, metric, ok := parse(strings.Fields(lines.Text()))
		if before, known := r[name]; ok && (!known || metric < before) {
			r[name] = metric
		}
	}
}

func (r routes) through(i Interface) (metric int, ok bool) {
	metric, ok = r[i.Name]
	return metric, ok
}

// reject marks a route that leads nowhere (RTF_REJECT, linux/route.h).
const reject = 0x200

// route4 reads a line of /proc/net/route: interface, destination, gateway, flags, references,
// use, metric in decimal, mask.
func route4(fields []string) (name string, metric int, ok bool) {
	if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" {
		return "", 0, false
	}
	flags, err := strconv.ParseUint(fields[3], 16, 32)
	if err != nil || flags&reject != 0 {
		return "", 0, false
	}
	metric, err = strconv.Atoi(fields[6])
	return fields[0], metric, err == nil
}

// route6 reads a line of /proc/net/ipv6_route: destination, length of its prefix, source,
// length of its prefix, gateway, metric, references, use, flags, interface; in hexadecimal.
func route6(fields []string) (name string, metric int, ok bool) {
	if len(fields) < 10 || strings.Trim(fields[0], "0") != "" || fields[1] != "00" {
		return "", 0, false
	}
	flags, err := strconv.ParseUint(fields[8], 16, 32)
	if err != nil || flags&reject != 0 {
		return "", 0, false
	}
	number, err := strconv.ParseUint(fields[5], 16, 32)
	return fields[9], int(number), err == nil
}

// innerKinds are the kinds of interfaces (DEVTYPE) that lead into this host, or through
// another one.
var innerKinds = []string{"vxlan", "geneve", "wireguard", "gre", "ppp"}

// isInner reports whether an interface is a bridge without a port to the outside, a port of
// a bridge, or a tunnel.
func isInner(name string) bool {
	about := filepath.Join("/sys/class/net", filepath.Base(name))
	has := func(file string) bool {
		_, err := os.Stat(filepath.Join(about, file))
		return err == nil
	}
	switch {
	case has("tun_flags"), has("brport"):
		return true
	case has("bridge"):
		return !hasDevice(about)
	}
	event, err := os.ReadFile(filepath.Join(about, "uevent"))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(event) {
		if kind, ok := bytes.CutPrefix(line, []byte("DEVTYPE=")); ok {
			return slices.Contains(innerKinds, string(bytes.TrimSpace(kind)))
		}
	}
	return false
}

// hasDevice reports whether a port of a bridge is a device, as that of a host whose virtual
// machines are on its own network.
func hasDevice(bridge string) bool {
	ports, _ := filepath.Glob(filepath.Join(bridge, "brif", "*"))
	return slices.ContainsFunc(ports, func(port string) bool {
		_, err := os.Stat(filepath.Join("/sys/class/net", filepath.Base(port), "device"))
		return err == nil
	})
}
