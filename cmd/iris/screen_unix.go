//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/project-iris/iris/node/status"
)

// What a terminal is told (ECMA-48, and xterm's private modes): the other screen, so that what was
// there comes back; no cursor; and lines that are too wide are cut off, as those of wide characters.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
	strongOn    = "\x1b[7m"
	strongOff   = "\x1b[0m"
)

// screen is a terminal that is drawn on, and typed at.
type screen struct {
	in  *os.File
	out *os.File
}

// screenOf returns the terminal that both are, or nil.
func screenOf(in io.Reader, out io.Writer) *screen {
	typed, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(typed.Fd())) {
		return nil
	}
	shown, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(shown.Fd())) {
		return nil
	}
	return &screen{typed, shown}
}

// top shows samples until a key, a signal or their number ends it. The terminal is then as it was before.
func (s *screen) top(ctx context.Context, f *topFlags) (err error) {
	before, err := term.MakeRaw(int(s.in.Fd()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, term.Restore(int(s.in.Fd()), before)) }()
	if _, err := s.out.WriteString(enterScreen); err != nil {
		return err
	}
	defer func() {
		_, left := s.out.WriteString(leaveScreen)
		err = errors.Join(err, left)
	}()
	ctx, stop := context.WithCancel(ctx)
	keys, quiet, err := s.keys(ctx)
	if err != nil {
		stop()
		return err
	}
	defer quiet()
	defer stop()
	return s.run(ctx, f, keys)
}

// sampled is what a question has brought.
type sampled struct {
	all *status.Network
	err error
}

// run draws when there is something new.
func (s *screen) run(ctx context.Context, f *topFlags, keys <-chan string) error {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	var asking sync.WaitGroup
	defer asking.Wait()
	answers := make(chan sampled, 1)
	ask := func() {
		asking.Go(func() {
			all, err := f.read(ctx)
			answers <- sampled{all, err}
		})
	}
	next := time.NewTicker(f.every)
	defer next.Stop()
	m, waits, taken := newTopModel(), true, 0
	for ask(); !m.over; {
		width, height := s.size()
		if err := s.draw(m.lines(width, height)); err != nil {
			return err
		}
		select {
		case got := <-answers:
			waits = false
			switch {
			case ctx.Err() != nil:
				return nil
			case got.err != nil:
				m.fail(got.err, time.Now())
			case !m.paused:
				m.take(got.all, time.Now())
			}
			if taken++; taken == f.count {
				return nil
			}
		case <-next.C:
			if !waits && !m.paused {
				waits = true
				ask()
			}
		case key, more := <-keys:
			if !more { // the terminal has gone
				return nil
			}
			m.press(key, rowsIn(height))
		case <-resized:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// size returns the size of the terminal.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return plainWidth, 24
	}
	return width, height
}

// draw draws lines, which have no controls of their own, in place of those before.
func (s *screen) draw(lines []topLine) error {
	var b strings.Builder
	b.WriteString(toTop)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if line.strong {
			b.WriteString(strongOn)
		}
		b.WriteString(line.text)
		b.WriteString(strongOff + restOfLine)
	}
	b.WriteString(restBelow)
	_, err := s.out.WriteString(b.String())
	return err
}

// keys returns what is typed. The function that it returns ends that, once the context has ended.
func (s *screen) keys(ctx context.Context) (<-chan string, func(), error) {
	ended, end, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	keys := make(chan string)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(keys)
		buffer := make([]byte, 256)
		for s.typed(ended) {
			n, err := s.in.Read(buffer)
			if err != nil {
				return
			}
			for _, key := range keysIn(buffer[:n]) {
				select {
				case keys <- key:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return keys, func() {
		end.Close()
		reading.Wait()
		ended.Close()
	}, nil
}

// typed waits until something is typed, or reports that the other end of a pipe was closed.
func (s *screen) typed(ended *os.File) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(s.in.Fd()), Events: unix.POLLIN}, {Fd: int32(ended.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || fds[1].Revents != 0:
			return false
		default:
			return true
		}
	}
}

// sequences are what terminals send for keys that are no characters.
var sequences = map[string]string{
	"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
	"\x1b[5~": "pageup", "\x1b[6~": "pagedown", "\x1b[H": "home", "\x1b[1~": "home", "\x1bOH": "home", "\x1b[Z": "backtab",
	"\t": "tab", "\x03": "ctrl-c",
}

// keysIn returns the keys of what was typed at once. A sequence that it does not know is no key.
func keysIn(b []byte) (keys []string) {
	for len(b) > 0 {
		size := 1
		if b[0] == '\x1b' && len(b) > 1 {
			size = sequenceSize(b)
		}
		key, known := sequences[string(b[:size])]
		switch {
		case known:
			keys = append(keys, key)
		case size == 1 && b[0] >= ' ' && b[0] < 0x7f:
			keys = append(keys, string(b[:1]))
		}
		b = b[size:]
	}
	return keys
}

// sequenceSize returns how long the sequence is that begins with an escape: up to its last byte.
func sequenceSize(b []byte) int {
	switch b[1] {
	case '[':
		if end := bytes.IndexFunc(b[2:], func(r rune) bool { return r >= '@' && r <= '~' }); end >= 0 {
			return 2 + end + 1
		}
		return len(b)
	case 'O':
		return min(3, len(b))
	}
	return 2
}
