package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable tells the test's own program what to do.
const roleVariable = "TEST_PROCESS_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "pid", os.Getpid())
		<-time.After(time.Hour)
	case "parent":
		beParent()
	case "busy":
		beBusy()
	case "broken":
		fmt.Fprintln(os.Stderr, "it hurts")
		os.Exit(3)
	}
}

// beParent starts a stubborn child, and passes on what it says.
func beParent() {
	g := NewGroup()
	_, err := g.Start(Spec{
		Name: "child", Path: os.Args[0], Env: append(os.Environ(), roleVariable+"=stubborn"),
		Line: func(line string) { fmt.Fprintln(os.Stderr, "child", line) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	<-time.After(time.Hour)
}

func newGroup(t *testing.T) *Group {
	g := NewGroup()
	t.Cleanup(g.Close)
	return g
}

// startRole starts the test's own program in a role.
func startRole(t *testing.T, g *Group, role string) *Process {
	t.Helper()
	p, err := g.Start(Spec{Name: role, Path: os.Args[0], Env: append(os.Environ(), roleVariable+"="+role)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var pidLine = regexp.MustCompile(`pid (\d+)`)

// Close ends processes that do not want to, and returns when they have ended.
func TestCloseEndsAllProcesses(t *testing.T) {
	g := newGroup(t)
	one, other := startRole(t, g, "stubborn"), startRole(t, g, "stubborn")
	for _, p := range []*Process{one, other} {
		if found, err := p.Await(t.Context(), pidLine); err != nil || found[1] != fmt.Sprint(p.PID()) {
			t.Fatalf("got %q, %v", found, err)
		}
	}
	one.Stop(time.Millisecond)
	g.Close()
	for _, p := range []*Process{one, other} {
		select {
		case <-p.Ended():
		default:
			t.Errorf("process %d has not ended", p.PID())
		}
	}
	if _, err := g.Start(Spec{Path: os.Args[0]}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed group starts a process: %v", err)
	}
}

func TestErrorsHaveTheEndOfTheLog(t *testing.T) {
	g := newGroup(t)
	_, err := startRole(t, g, "broken").Await(t.Context(), regexp.MustCompile("ready"))
	if err == nil || !strings.Contains(err.Error(), "broken has ended (exit status 3): it does not say ready; the end of its log:\nit hurts") {
		t.Errorf("got %v", err)
	}
	broken := startRole(t, g, "broken")
	if <-broken.Ended(); broken.ExitCode() != 3 {
		t.Errorf("its exit code is %d", broken.ExitCode())
	}
	p := startRole(t, g, "stubborn")
	if _, err := p.Await(t.Context(), pidLine); err != nil {
		t.Fatal(err)
	}
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(late)
	if _, err := p.Await(ctx, regexp.MustCompile("ready")); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
	if _, err := g.Start(Spec{Name: "nothing", Path: "/does/not/exist"}); err == nil || !strings.Contains(err.Error(), "cannot start nothing: ") {
		t.Errorf("got %v", err)
	}
}
