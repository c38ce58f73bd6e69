//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// inflict lets the faults of a round happen, and returns when all is mended.
func (c *chaos) inflict(ctx context.Context, faults []fault) error {
	var mended sync.WaitGroup
	failed := make([]error, len(faults))
	for i, f := range faults {
		mended.Go(func() {
			pass(ctx, f.after)
			if err := c.suffer(ctx, c.hosts[f.host], f); err != nil {
				failed[i] = fmt.Errorf("%v: %w", f, err)
			}
		})
	}
	mended.Wait()
	return errors.Join(append(failed, ctx.Err())...)
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// suffer is a fault of a host from its beginning to its end.
func (c *chaos) suffer(ctx context.Context, h *host, f fault) error {
	filter := func(rule string) error {
		return between(ctx, f, h.nft("add rule inet chaos input iifname eth0 "+rule+" drop"), h.nft("flush chain inet chaos input"))
	}
	if err := h.alive(); err != nil {
		return err
	}
	switch f.kind {
	case killed:
		h.node.Kill()
		pass(ctx, f.length)
		return h.start(ctx, c.programs[c.starts()%len(c.programs)])
	case stopped:
		if err := h.stop(); err != nil {
			return err
		}
		pass(ctx, f.length)
		return h.start(ctx, c.programs[c.starts()%len(c.programs)])
	case paused:
		return c.pause(ctx, h, f)
	case pulled:
		return between(ctx, f, "ip link set "+h.plug+" down", "ip link set "+h.plug+" up")
	case oneWay:
		return filter("ip saddr " + c.hosts[f.other].addr)
	case lossy:
		return filter(fmt.Sprintf("numgen random mod 100 < %d", f.amount))
	case swallowed:
		return filter(fmt.Sprintf("meta length > %d", f.amount))
	case smaller:
		mtu := "ip -n " + h.name + " link set eth0 mtu "
		return between(ctx, f, mtu+fmt.Sprint(f.amount), mtu+"1500")
	case full:
		return during(ctx, f, h.fill, h.empty)
	case descriptors:
		restore, err := h.exhaust()
		if err != nil {
			return err
		}
		pass(ctx, f.length)
		return restore()
	case clockSet:
		return during(ctx, f, func() error { return h.clock.set(time.Duration(f.amount) * time.Second) }, func() error { return h.clock.set(0) })
	}
	return fmt.Errorf("there is no fault %q", f.kind)
}

// during does something at the beginning of a fault, and something else at its end.
func during(ctx context.Context, f fault, begin, end func() error) error {
	if err := begin(); err != nil {
		return err
	}
	pass(ctx, f.length)
	return end()
}

// between is during for commands.
func between(ctx context.Context, f fault, begin, end string) error {
	return during(ctx, f, func() error { return all(begin) }, func() error { return all(end) })
}

// pause stops the process of a node for a time.
func (c *chaos) pause(ctx context.Context, h *host, f fault) error {
	from := time.Now()
	c.ledger.Paused(h.name, from, from.Add(time.Minute)) // until more is known
	if err := h.node.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pass(ctx, f.length)
	err := h.node.Signal(syscall.SIGCONT)
	c.ledger.Resumed(h.name, time.Now())
	return err
}
