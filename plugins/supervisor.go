package plugins

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A supervisor keeps a plugin running. One goroutine does it.
type supervisor struct {
	config Config
	logger *slog.Logger
	lines  *lineLog
	ctx    context.Context // ends with stop
	cancel context.CancelFunc
	over   chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	current  *instance     // nil while there is none
	failure  error         // why there is none
	changed  chan struct{} // closed, and replaced, with each change
	restarts uint64
}

// newSupervisor starts the plugin, and fails if that does.
func newSupervisor(config Config) (*supervisor, error) {
	s := &supervisor{
		config:  config,
		logger:  config.Logger.With("plugin", config.Name),
		over:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	s.lines = newLineLog(s.logger)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	first, err := startInstance(s.ctx, config, s.lines)
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("plugin %s: %w", config.Name, err)
	}
	s.publish(first, nil)
	go s.run(first)
	return s, nil
}

// run watches the plugin, and starts it again, until the supervisor is stopped.
func (s *supervisor) run(running *instance) {
	defer close(s.over)
	pauses := newBackoff(s.config.MinPause, s.config.MaxPause)
	for running != nil {
		began := time.Now()
		err := s.watch(running)
		s.publish(nil, err)
		running.close()
		if s.ctx.Err() != nil {
			return
		}
		pauses.ran(time.Since(began))
		running = s.restart(err, pauses)
	}
}

// watch returns when the plugin has ended, with the reason.
func (s *supervisor) watch(running *instance) error {
	tick := time.NewTicker(s.config.HealthInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			s.publish(nil, ErrDown)
			running.process.stop()
			return ErrDown
		case <-running.process.exited.Done():
			<-running.process.done
			return running.cause()
		case <-tick.C:
			if err := running.check(s.ctx); err != nil {
				running.fail(err)
			}
		}
	}
}

// restart tries until the plugin runs, or the supervisor is stopped: then it returns nil.
func (s *supervisor) restart(failure error, pauses *backoff) *instance {
	for {
		pause := pauses.next()
		s.logger.Warn("plugin is down", "err", failure, "again_in", pause, "restarts", s.restarted())
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return nil
		}
		next, err := startInstance(s.ctx, s.config, s.lines)
		if err == nil {
			s.logger.Info("plugin is up again")
			s.publish(next, nil)
			return next
		}
		failure = err
		s.publish(nil, failure)
	}
}

// restarted is how often the plugin was started again.
func (s *supervisor) restarted() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

func (s *supervisor) publish(running *instance, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if running != nil && s.current == nil && s.failure != nil {
		s.restarts++
	}
	s.current, s.failure = running, failure
	close(s.changed)
	s.changed = make(chan struct{})
}

// running returns the instance that runs, or an error that is ErrDown.
func (s *supervisor) running() (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, s.failure)
	}
	return s.current, nil
}

// next waits for an instance whose process runs, unless the context has ended.
func (s *supervisor) next(ctx context.Context) (*instance, error) {
	for ctx.Err() == nil {
		s.mu.Lock()
		current, changed := s.current, s.changed
		s.mu.Unlock()
		if current != nil && current.process.exited.Err() == nil {
			return current, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil, ctx.Err()
}

// stop ends the plugin, and returns when it has ended.
func (s *supervisor) stop() {
	s.cancel()
	<-s.over
}
