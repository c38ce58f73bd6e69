package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A container is iris as process 1 of a namespace of processes, as in a container.
type container struct {
	unshare *exec.Cmd
	err     *lines
	init    int // the number of its process 1, outside
	over    chan struct{}
}

// contain starts iris in a container that shares everything but the processes with the
// host. It is killed with the test.
func contain(t *testing.T, terminal *os.File, args ...string) *container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a namespace of processes needs root")
	}
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs the command unshare: ", err)
	}
	c := &container{unshare: inProcess(args...), err: newLines(), over: make(chan struct{})}
	c.unshare.Args = append([]string{path, "--pid", "--fork", "--mount-proc", "--kill-child", os.Args[0]}, args...)
	c.unshare.Path, c.unshare.Stderr = path, c.err
	if terminal != nil {
		c.unshare.Stdin = terminal
		c.unshare.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	if err := c.unshare.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.over)
		_ = c.unshare.Wait()
		c.err.Close()
	}()
	t.Cleanup(func() {
		_ = c.unshare.Process.Kill()
		<-c.over
	})
	return c
}

// code waits for the end and returns the exit code.
func (c *container) code() int {
	<-c.over
	return c.unshare.ProcessState.ExitCode()
}

// findInit finds process 1 as the host sees it.
func (c *container) findInit(t *testing.T) {
	t.Helper()
	c.init = awaitProcess(t, "process 1", func(p processStat) bool { return p.parent == c.unshare.Process.Pid }).id
}

// A processStat is what the kernel says of a process.
type processStat struct {
	id, parent int
	name       string
	state      string
}

var statFormat = regexp.MustCompile(`(?s)^(\d+) \((.*)\) (\w) (\d+) `)

// allProcesses returns the processes that there are (proc_pid_stat(5)).
func allProcesses() []processStat {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []processStat
	for _, file := range files {
		text, err := os.ReadFile(file)
		if m := statFormat.FindSubmatch(text); err == nil && m != nil {
			id, _ := strconv.Atoi(string(m[1]))
			parent, _ := strconv.Atoi(string(m[4]))
			all = append(all, processStat{id, parent, string(m[2]), string(m[3])})
		}
	}
	return all
}

// awaitProcess waits until there is a process of a kind.
func awaitProcess(t *testing.T, what string, is func(processStat) bool) processStat {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for limit := time.After(30 * time.Second); ; {
		for _, p := range allProcesses() {
			if is(p) {
				return p
			}
		}
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("there is no %s", what)
		}
	}
}

// expectReaped waits until a process is not even a zombie any more.
func expectReaped(t *testing.T, id int) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for limit := time.After(10 * time.Second); ; {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("the process is still there: %s", text)
		}
	}
}

// As process 1 iris waits for what its commands leave behind, so that no zombies pile up.
func TestProcessOneReapsOrphans(t *testing.T) {
	_, port := startNode(t)
	ask := func(*container) {
		if got := iris(t, "", "request", port, "left", "x"); got.out != "answer\n" {
			t.Errorf("request: got %+v", got)
		}
	}
	for _, row := range []struct {
		name          string
		args          func(command string) []string
		before, after func(c *container) // what is done before there is an orphan, and after it was reaped
	}{
		{
			"exec",
			func(command string) []string {
				return []string{"-dev", "-port", "0", "-discover", "exec:" + command + " echo 127.0.0.1:1"}
			},
			func(*container) {},
			func(c *container) {
				_ = syscall.Kill(c.init, syscall.SIGTERM)
				c.err.next(t, "stopped")
			},
		},
		{
			"reply",
			func(command string) []string {
				return []string{"reply", port, "left", "sh", "-c", command + " echo answer"}
			},
			ask, ask,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			gate, open := fifo(t)
			c := contain(t, nil, row.args("cat "+gate+" > /dev/null 2>&1 &")...)
			c.findInit(t)
			row.before(c)
			orphan := awaitProcess(t, "orphan", func(p processStat) bool { return p.parent == c.init && p.name == "cat" })
			open()("") // ends it
			expectReaped(t, orphan.id)
			row.after(c)
		})
	}
}

// Whoever runs the container deals with process 1: its signals get to the program, and the
// program's exit code gets out.
func TestProcessOneStandsForTheProgram(t *testing.T) {
	t.Run("signal", func(t *testing.T) {
		c := contain(t, nil, "-dev", "-port", "0")
		c.err.next(t, "ready")
		c.findInit(t)
		if err := syscall.Kill(c.init, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		c.err.next(t, "signal=terminated")
		c.err.next(t, "stopped")
		if code := c.code(); code != exitGood {
			t.Errorf("ended with %d", code)
		}
	})
	t.Run("wrong use", func(t *testing.T) {
		if code := contain(t, nil, "keygen").code(); code != exitUsage {
			t.Errorf("ended with %d, want %d", code, exitUsage)
		}
	})
	t.Run("failure", func(t *testing.T) {
		if code := contain(t, nil, "-net", "x", "-rsa", "/nowhere/key").code(); code != exitFailed {
			t.Errorf("ended with %d, want %d", code, exitFailed)
		}
	})
	t.Run("killed", func(t *testing.T) {
		c := contain(t, nil, "-dev", "-port", "0")
		c.err.next(t, "ready")
		c.findInit(t)
		program := awaitProcess(t, "program", func(p processStat) bool { return p.parent == c.init })
		_ = syscall.Kill(program.id, syscall.SIGKILL)
		if code := c.code(); code != 128+int(syscall.SIGKILL) {
			t.Errorf("ended with %d", code)
		}
	})
}

// Ctrl-C reaches a node once: twice would mean at once, whatever is in hand.
func TestCtrlCReachesTheProgramOfAContainerOnce(t *testing.T) {
	terminal, keyboard := openTerminal(t)
	c := contain(t, terminal, "-dev", "-port", "0", "-drain", "1h")
	port := "-port=" + regexp.MustCompile(`port=(\d+)`).FindStringSubmatch(c.err.next(t, "ready"))[1]
	gate, open := fifo(t)
	start(t, nil, "reply", port, "slow", "cat", gate).err.next(t, "serving")
	var asking sync.WaitGroup
	asking.Go(func() {
		if got := iris(t, "", "request", port, "slow", "x"); got.out != "finished\n" {
			t.Errorf("the request that was in hand got %+v", got)
		}
	})
	release := open()
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	c.err.next(t, "signal=interrupt")
	release("finished")
	asking.Wait()
	if code := c.code(); code != exitGood {
		t.Errorf("ended with %d", code)
	}
}

// openTerminal makes a pseudoterminal (pty(7)): a terminal, and what is typed there.
func openTerminal(t *testing.T) (terminal, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs a pseudoterminal: ", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, keyboard
}
