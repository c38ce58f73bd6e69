package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal without anybody before it.
type pty struct {
	t     *testing.T
	main  *os.File // where what is typed goes in, and what is shown comes out
	child *os.File

	mu    sync.Mutex
	news  sync.Cond
	shown bytes.Buffer
}

// openPty opens a terminal of so many columns and rows.
func openPty(t *testing.T, width, height uint16) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, main: os.NewFile(uintptr(fd), "ptmx")}
	p.news.L = &p.mu
	if p.child, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	p.resize(width, height)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := p.main.Read(buffer)
			p.mu.Lock()
			p.shown.Write(buffer[:n])
			p.news.Broadcast()
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		p.child.Close()
		<-read // nobody has the terminal open any more
		p.main.Close()
	})
	return p
}

func (p *pty) resize(width, height uint16) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.child.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		p.t.Fatal(err)
	}
}

// settings returns those of the terminal: whether it echoes, waits for whole lines, and so on.
func (p *pty) settings() unix.Termios {
	p.t.Helper()
	got, err := unix.IoctlGetTermios(int(p.child.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *got
}

// await waits until a text is shown, and forgets what was shown up to there.
func (p *pty) await(text string) (before string) {
	p.t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.news.Broadcast()
	})
	defer late.Stop()
	limit := time.Now().Add(30 * time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if before, after, found := strings.Cut(p.shown.String(), text); found {
			p.shown.Reset()
			p.shown.WriteString(after)
			return before
		}
		if time.Now().After(limit) {
			p.t.Fatalf("%q is not shown; at the end there is %q", text, p.shown.Bytes()[max(p.shown.Len()-2000, 0):])
		}
		p.news.Wait()
	}
}

// start starts a command whose terminal it is.
func (p *pty) start(args ...string) *exec.Cmd {
	p.t.Helper()
	c := inProcess(args...)
	c.Stdin, c.Stdout, c.Stderr = p.child, p.child, p.child
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

// A terminal that top has drawn on is as it was before, whether a key has ended it or a signal,
// and gets nothing of what strangers have chosen.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	_, port := startNode(t, "-control", socket)
	start(t, nil, "reply", port, "-text", "pong", "evil\x1b]0;title\x1b[31m").err.next(t, "serving")
	for _, row := range []struct {
		name string
		end  func(p *pty, c *exec.Cmd)
	}{
		{"q", func(p *pty, _ *exec.Cmd) { p.write("q") }},
		{"Ctrl-C", func(p *pty, _ *exec.Cmd) { p.write("\x03") }},
		{"SIGTERM", func(_ *pty, c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGTERM) }},
		{"SIGINT", func(_ *pty, c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGINT) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := openPty(t, 80, 24)
			before := p.settings()
			c := p.start("top", "-control", socket)
			p.await(enterScreen)
			shown := p.await(`evil\x1b]0;title\x1b[31m`)
			if during := p.settings(); during.Lflag&(unix.ECHO|unix.ICANON) != 0 {
				t.Error("the terminal echoes keys, or waits for lines")
			}
			p.write("\t")
			shown += p.await("[applications]")
			p.write("\x1b[Z\x1b[Z")
			shown += p.await("[links]")
			p.write("\x1b[C\x1b[Dp")
			shown += p.await("paused at ")
			p.resize(40, 10)
			shown += p.await(restBelow) // of what was being drawn
			row.end(p, c)
			shown += p.await("\x1b[?7h\x1b[?25h\x1b[?1049l") // wide lines wrap, the cursor is seen, and the screen is that of before
			if err := c.Wait(); err != nil {
				t.Errorf("top has ended with %v", err)
			}
			if after := p.settings(); !reflect.DeepEqual(before, after) {
				t.Errorf("the terminal was %+v, and is %+v", before, after)
			}
			for _, own := range []string{toTop, restOfLine, restBelow, strongOn, strongOff} {
				shown = strings.ReplaceAll(shown, own, "")
			}
			if strings.ContainsAny(shown, "\x1b\x07") {
				t.Errorf("a terminal obeys what is shown: %q", shown)
			}
		})
	}
}

func (p *pty) write(s string) {
	p.t.Helper()
	if _, err := p.main.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// When the terminal is resized what it shows is drawn anew, in its size, without waiting for a sample.
func TestTopIsDrawnAnewInAnotherSize(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	startNode(t, "-control", socket)
	p := openPty(t, 80, 24)
	c := p.start("top", "-control", socket, "-every", "1h")
	p.await("All is well.")
	p.await(restBelow)
	p.resize(40, 10)
	drawn := p.await(restBelow)
	if lines := strings.Split(drawn, "\r\n"); len(lines) != 10 {
		t.Errorf("on 10 lines there are %d: %q", len(lines), drawn)
	}
	p.write("q")
	p.await(leaveScreen)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string]string{
		"q": "q", "ab": "a b", "\t": "tab", "\x1b[A\x1b[B": "up down", "\x1bOC": "right", "\x1b[Zp": "backtab p", "\x1b[5~\x1b[6~": "pageup pagedown",
		"\x1b[1;5A": "", "\x1b[200~q": "q", "\x1b": "", "\x1bx": "", "\x1b[": "", "\x1bO": "", "\xff\x00\x03": "ctrl-c", "": "",
	} {
		if got := strings.Join(keysIn([]byte(typed)), " "); got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}
