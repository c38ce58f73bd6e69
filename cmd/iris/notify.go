package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

const (
	// reachWithin is how long a node that was told of others looks for one before it says
	// that it is ready without: so long a whole network may take to start.
	reachWithin = 15 * time.Second
	// statusEvery is how often it is looked whether systemd has to be told of something.
	statusEvery = time.Second
)

// watched is what systemd is told about of a node.
type watched interface {
	Port() int
	Others() int
	Expects() bool
	// Alive returns what is stuck, at the latest when the context ends.
	Alive(ctx context.Context) error
}

// A notifier tells systemd, or whoever else has set NOTIFY_SOCKET, what a node does
// (sd_notify(3)): READY, STATUS, RELOADING, STOPPING and, if a time for it was set, WATCHDOG.
// Without that it does nothing. One goroutine calls its methods.
type notifier struct {
	log      *slog.Logger
	listened bool          // by anybody
	watchdog time.Duration // 0: nobody watches

	ready  atomic.Bool // was said
	status atomic.Value
	cancel context.CancelFunc // ends the goroutine of serving; nil if there is none
	work   sync.WaitGroup
	failed atomic.Bool // to send, which was said
}

// newNotifier returns one that does what the environment says.
func newNotifier(log *slog.Logger) *notifier {
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog of systemd is not used", "err", err)
	}
	return &notifier{
		log: log, listened: os.Getenv("NOTIFY_SOCKET") != "", watchdog: watchdog,
	}
}

// tell sends a state, and says once that it cannot.
func (n *notifier) tell(state string) {
	if !n.listened {
		return
	}
	_, err := sd.SdNotify(false, state)
	if err != nil && !n.failed.Swap(true) {
		n.log.Warn("systemd cannot be told what the node does; is NOTIFY_SOCKET right?", "err", err)
	}
}

// say tells the status if it is another one.
func (n *notifier) say(status string) {
	if n.status.Swap(status) != status {
		n.tell("STATUS=" + status)
	}
}

// serving tells of a node, which serves applications, until the next call of another method.
func (n *notifier) serving(node watched) {
	if !n.listened {
		return
	}
	n.pause("starting")
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.work.Go(func() { n.follow(ctx, node) })
	if n.watchdog > 0 {
		n.work.Go(func() { n.watch(ctx, node.Alive) })
	}
}

// follow says when the node is ready, and then what it is at.
func (n *notifier) follow(ctx context.Context, node watched) {
	look := time.NewTicker(statusEvery)
	defer look.Stop()
	late := time.NewTimer(reachWithin)
	defer late.Stop()
	waits := node.Expects()
	for {
		others := node.Others()
		switch {
		case waits && others == 0:
			n.say(fmt.Sprintf("serves applications at port %d; looks for other nodes", node.Port()))
		case !n.ready.Load():
			n.ready.Store(true)
			n.tell(sd.SdNotifyReady)
			fallthrough
		default:
			n.say(fmt.Sprintf("serves applications at port %d; knows %d other nodes", node.Port(), others))
		}
		select {
		case <-look.C:
		case <-late.C:
			waits = false
		case <-ctx.Done():
			return
		}
	}
}

// watch tells the watchdog twice in its time that the node is alive, as long as it is. A node
// that is stuck for the whole time is killed by systemd, and started anew.
func (n *notifier) watch(ctx context.Context, alive func(context.Context) error) {
	every := n.watchdog / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		limit, cancel := context.WithTimeout(ctx, every)
		err := alive(limit)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			n.tell(sd.SdNotifyWatchdog)
		default:
			n.log.Error("the node is stuck; systemd is not told that it is alive", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reloading tells that settings are read, until reloaded is called.
func (n *notifier) reloading() {
	if n.ready.Load() {
		n.tell(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
	}
}

// reloaded tells that they were.
func (n *notifier) reloaded() {
	if n.ready.Load() {
		n.tell(sd.SdNotifyReady)
	}
}

// renewing tells that the node gives way to another one. The watchdog is told as if it were
// alive: how long that takes is bounded by -drain.
func (n *notifier) renewing() {
	n.pause("starts anew, with another id")
	if !n.listened || n.watchdog <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.work.Go(func() { n.watch(ctx, func(context.Context) error { return nil }) })
}

// stopping tells that the node ends. Nothing is told after it.
func (n *notifier) stopping() {
	n.pause("finishes what it has")
	n.tell(sd.SdNotifyStopping)
}

// pause ends what is told of a node, and says what is done meanwhile.
func (n *notifier) pause(status string) {
	if n.cancel != nil {
		n.cancel()
		n.work.Wait()
		n.cancel = nil
	}
	n.say(status)
}
