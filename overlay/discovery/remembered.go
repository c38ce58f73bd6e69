package discovery

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/transport/failpoint"
)

const (
	// rememberFor is how long a node is remembered that was not a member since.
	rememberFor = 7 * 24 * time.Hour
	// maxRemembered is how many nodes are remembered, those that were members last.
	maxRemembered = 128
	// maxList is the longest list of addresses of a node, in bytes: 16 of IPv6 with three
	// transports have 2,700.
	maxList = 4 << 10
	// maxPeersFile is how much of the file is read, in bytes: as many of the longest lines
	// as there can be, and their times.
	maxPeersFile = maxRemembered * (maxList + 64)
	// hintAgain is how long a node that is alone waits before it hints again.
	hintAgain = 5 * time.Second
	// saveAfter is how long a change waits for more of them before the file is written.
	saveAfter = time.Second
	// refreshAfter is how often the file is written without a change, so that it says
	// when the members were there.
	refreshAfter = time.Hour
)

// peersFile is the name of the file in the state directory.
const peersFile = "peers"

const peersHead = "# Nodes that were members, and when. Iris dials them when it starts.\n"

// Remembered hints at the nodes that were members before, which it keeps in a file: one
// line for each, the time (RFC 3339) when it was a member last and its addresses. Lines
// that it cannot read it leaves out, and writes the file anew, in one piece, soon after
// members have come or gone. A node that has no other keeps the file as it is. Ids are not
// kept: a node has a new one with each start.
type Remembered struct {
	path string
	log  *slog.Logger

	// Of the goroutine that runs Run.
	nodes  map[string]time.Time // by address list: when it was a member last, with a monotonic reading
	failed bool                 // to write, which has been said
}

// Len returns how many nodes are remembered. It must not be called once Run runs.
func (r *Remembered) Len() int { return len(r.nodes) }

// Remember reads what is remembered in a directory, which it makes if it is not there.
// Two nodes must not share one. It fails when the directory cannot be written to.
func Remember(dir string, log *slog.Logger) (*Remembered, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	r := &Remembered{path: filepath.Join(dir, peersFile), log: log, nodes: make(map[string]time.Time)}
	if err := r.load(time.Now()); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := r.save(time.Now()); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return r, nil
}

// Name is "remembered".
func (r *Remembered) Name() string { return "remembered" }

// Run implements [Source].
func (r *Remembered) Run(ctx context.Context, site Site) {
	for {
		changed, again := site.Changed(), refreshAfter
		r.update(site)
		if site.Others() == 0 {
			hint(site, r.Name(), r.addrs())
			again = hintAgain
		}
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-changed:
			timer.Reset(saveAfter)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			r.update(site)
			return
		}
	}
}

// update notes who is a member, and writes that down.
func (r *Remembered) update(site Site) {
	now, members := time.Now(), site.Addresses()
	for _, addr := range members {
		if isAddress(addr) {
			r.nodes[addr] = now
		}
	}
	if len(members) == 0 {
		return
	}
	if err := r.save(now); err != nil && !r.failed {
		r.failed = true
		r.log.Warn("nodes cannot be remembered", "err", err)
	}
}

// addrs returns what is remembered.
func (r *Remembered) addrs() []string { return slices.Collect(maps.Keys(r.nodes)) }

// load reads the file.
func (r *Remembered) load(now time.Time) error {
	file, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	r.parse(file, now)
	return nil
}

// parse reads what the file has.
func (r *Remembered) parse(from io.Reader, now time.Time) {
	lines := bufio.NewScanner(io.LimitReader(from, maxPeersFile))
	bad := 0
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		when, addr, _ := strings.Cut(lines.Text(), " ")
		last, err := time.Parse(time.RFC3339, when)
		if err != nil || !isAddress(addr) {
			bad++
			continue
		}
		if age := now.Sub(last); age < rememberFor {
			r.nodes[addr] = now.Add(-max(age, 0)) // it is of the future where the clock was set back
		}
	}
	if bad > 0 || lines.Err() != nil {
		r.log.Warn("part of what was remembered cannot be read", "file", r.path, "lines", bad, "err", lines.Err())
	}
}

// save writes the file, the latest members first, and forgets those that are too many. It
// writes how long ago a node was a member, by the wall clock of now: that may have been set
// since then.
func (r *Remembered) save(now time.Time) error {
	addrs := slices.SortedFunc(maps.Keys(r.nodes), func(a, b string) int {
		return cmp.Or(r.nodes[b].Compare(r.nodes[a]), cmp.Compare(a, b))
	})
	text := bytes.NewBufferString(peersHead)
	for i, addr := range addrs {
		if i >= maxRemembered {
			delete(r.nodes, addr)
			continue
		}
		last := now.Round(0).Add(-now.Sub(r.nodes[addr]))
		fmt.Fprintf(text, "%s %s\n", last.UTC().Format(time.RFC3339), addr)
	}
	return replace(r.path, text.Bytes())
}

// replace gives a file new contents in one piece: who reads it finds the old ones or the
// new ones.
func replace(path string, contents []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	if err = failpoint.Hit("write remembered nodes"); err == nil {
		_, err = file.Write(contents)
	}
	if err = errors.Join(err, file.Close(), failpoint.Hit("rename remembered nodes")); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

// isAddress reports whether a text can be in the file: members say themselves what their
// addresses are.
func isAddress(s string) bool {
	return s != "" && len(s) <= maxList && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
