//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/project-iris/iris/cmd/internal/process"
)

// host is a network namespace with a node in it.
type host struct {
	name   string // of the namespace
	plug   string // the end of its cable at the switch
	addr   string
	dir    string // for its socket
	state  string // a small disk
	key    string
	log    *os.File
	clock  *clock // nil: that of the system
	group  *process.Group
	node   *process.Process
	socket string
}

// run runs a command to its end.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// all runs commands, one a line, to the first that fails.
func all(commands ...string) error {
	for _, c := range commands {
		words := strings.Fields(c)
		if err := run(words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}

const stateBytes = 256 << 10

// newHost makes a host on the switch, which is the bridge "wire" of this namespace.
func newHost(number int, dir, logs, key string, group *process.Group) (*host, error) {
	h := &host{
		name: fmt.Sprint("host", number), plug: fmt.Sprint("plug", number), addr: fmt.Sprint("10.99.0.", number),
		dir: filepath.Join(dir, fmt.Sprint(number)), key: key, group: group,
	}
	h.state, h.socket = filepath.Join(h.dir, "state"), filepath.Join(h.dir, "socket")
	if err := os.MkdirAll(h.state, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", h.state, "tmpfs", 0, fmt.Sprint("size=", stateBytes)); err != nil {
		return nil, fmt.Errorf("cannot make a disk at %s: %w", h.state, err)
	}
	var err error
	if h.log, err = os.Create(filepath.Join(logs, h.name+".log")); err != nil {
		return nil, err
	}
	return h, all(
		"ip netns add "+h.name,
		"ip -n "+h.name+" link set lo up",
		"ip link add name "+h.plug+" type veth peer name eth0 netns "+h.name,
		"ip link set "+h.plug+" master wire up",
		"ip -n "+h.name+" addr add "+h.addr+"/24 dev eth0",
		"ip -n "+h.name+" link set eth0 up",
		h.nft("add table inet chaos"),
		h.nft("add chain inet chaos input { type filter hook input priority 0 ; }"),
	)
}

// nft is a command that changes the host's filter.
func (h *host) nft(command string) string {
	return "nsenter --net=/run/netns/" + h.name + " nft " + command
}

var ready = regexp.MustCompile("time=([^ ]+) .*msg=ready")

// start starts the node, and waits until it serves.
func (h *host) start(ctx context.Context, program string) (err error) {
	h.node, err = h.group.Start(process.Spec{
		Name: "the node of " + h.name, Path: "nsenter",
		Args: []string{
			"--net=/run/netns/" + h.name, program, "-net", "chaos", "-rsa", h.key, "-port", "0", "-socket", h.socket,
			"-control", "none", "-state", h.state, "-drain", "3s",
		},
		Env:  h.clock.environment(),
		Line: func(line string) { _, _ = fmt.Fprintln(h.log, line) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	said, err := h.node.Await(ctx, ready)
	if err != nil {
		return err
	}
	return h.clock.check(said[1])
}

var (
	errEnded = errors.New("it has ended by itself")
	errStuck = errors.New("it does not end as it should, with 0 or, with work in hand, 1")
)

// alive says whether the node still runs: what ends it is a fault of a round, or an error.
func (h *host) alive() error {
	select {
	case <-h.node.Ended():
		return h.node.Failed(errEnded)
	default:
		return nil
	}
}

// stop ends the node in good order.
func (h *host) stop() error {
	h.node.Stop(15 * time.Second)
	if code := h.node.ExitCode(); code != 0 && code != 1 {
		return h.node.Failed(errStuck)
	}
	return nil
}

// fill fills the host's disk, and empty makes room again.
func (h *host) fill() error {
	f, err := os.Create(filepath.Join(h.state, "filler"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err = f.Write(make([]byte, stateBytes)); errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return fmt.Errorf("the disk of %s does not get full: %v", h.name, err)
}

func (h *host) empty() error { return os.Remove(filepath.Join(h.state, "filler")) }

// exhaust leaves the node three descriptors more than it has, and tries to take these. It
// returns what gives all back.
func (h *host) exhaust() (restore func() error, err error) {
	pid := h.node.PID()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil, err
	}
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return nil, err
	}
	limited := unix.Rlimit{Cur: uint64(len(open) + 3), Max: before.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limited, nil); err != nil {
		return nil, err
	}
	var conns []io.Closer
	for range 16 {
		if c, err := net.Dial("unix", h.socket); err == nil {
			conns = append(conns, c)
		}
	}
	return func() error {
		for _, c := range conns {
			_ = c.Close()
		}
		return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil)
	}, nil
}
