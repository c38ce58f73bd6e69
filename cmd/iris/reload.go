package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// A reloadable is something that a running node can read again.
type reloadable struct {
	name string // for people
	// prepare reads it, and returns what makes it take effect. That must not fail.
	prepare func() (apply func(), err error)
}

// reloadables are reloaded together: all of them, or none.
type reloadables []reloadable

// reload reads all again. If one cannot be read, nothing changes.
func (l reloadables) reload() error {
	var applies []func()
	var wrong []error
	for _, r := range l {
		apply, err := r.prepare()
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", r.name, err))
			continue
		}
		applies = append(applies, apply)
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for _, apply := range applies {
		apply()
	}
	return nil
}

// onHangup reloads with each SIGHUP until stop is called, which waits for a reload that runs.
// Where nothing can be reloaded the signal means what it always does.
func (l reloadables) onHangup(log *slog.Logger) (stop func()) {
	if len(l) == 0 {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() { l.follow(hangups, log) })
	return func() {
		signal.Stop(hangups)
		close(hangups)
		running.Wait()
	}
}

// follow reloads with each signal until the channel is closed.
func (l reloadables) follow(hangups <-chan os.Signal, log *slog.Logger) {
	for range hangups {
		if err := l.reload(); err != nil {
			log.Error("nothing was reloaded: all stays as it was", "err", err)
			continue
		}
		for _, r := range l {
			log.Info("reloaded", "what", r.name)
		}
	}
}
