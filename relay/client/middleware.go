package client

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"
)

// Middleware is what a service does around its work.
type Middleware func(Service) Service

// Wrap returns a service with middleware around it. The first is the outermost: it begins
// before the others, and ends after them.
func Wrap(s Service, around ...Middleware) Service {
	for i := len(around) - 1; i >= 0; i-- {
		s = around[i](s)
	}
	return s
}

// Kind is what a service was called for.
type Kind string

// The functions of a [Service].
const (
	KindRequest   Kind = "request"
	KindBroadcast Kind = "broadcast"
	KindTunnel    Kind = "tunnel"
)

// Around is middleware of one function, which has each call made for it: it calls call, once
// at most, and returns its error, or another one in place of it. A reply of a call that failed
// is dropped. Calls for broadcasts and tunnels have no error: nobody learns of one that the
// function returns. Functions that the service does not have stay nil.
func Around(f func(kind Kind, call func() error) error) Middleware {
	return func(s Service) Service {
		if next := s.Request; next != nil {
			s.Request = func(ctx context.Context, body []byte) (reply []byte, err error) {
				err = f(KindRequest, func() (err error) {
					reply, err = next(ctx, body)
					return err
				})
				return reply, err
			}
		}
		if next := s.Broadcast; next != nil {
			s.Broadcast = func(message []byte) { _ = f(KindBroadcast, plain(next, message)) }
		}
		if next := s.Tunnel; next != nil {
			s.Tunnel = func(t *Tunnel) { _ = f(KindTunnel, plain(next, t)) }
		}
		return s
	}
}

// plain is a call that does not fail.
func plain[T any](f func(T), argument T) func() error {
	return func() error {
		f(argument)
		return nil
	}
}

// Log is middleware that logs the end of each call at a level, with its kind, how long it took,
// and its error: that is [ErrPanicked] if it panicked. The application chooses a level, or a
// handler, that others cannot fill.
func Log(log *slog.Logger, level slog.Level) Middleware {
	return watch(func(Kind) {}, func(kind Kind, took time.Duration, err error) {
		attrs := []slog.Attr{slog.String("kind", string(kind)), slog.Duration("took", took)}
		if err != nil {
			attrs = append(attrs, slog.Any("err", err))
		}
		log.LogAttrs(context.Background(), level, "service was called", attrs...)
	})
}

// ErrPanicked says that a call has not returned.
var ErrPanicked = errors.New("panicked")

// watch is middleware that says when a call begins, and when and how it has ended.
func watch(began func(Kind), ended func(Kind, time.Duration, error)) Middleware {
	return Around(func(kind Kind, call func() error) (err error) {
		start := time.Now()
		began(kind)
		err = ErrPanicked
		defer func() { ended(kind, time.Since(start), err) }()
		err = call()
		return err
	})
}

// FaultPanicked is the text of the fault that answers a request whose handler has panicked
// behind [Recover].
const FaultPanicked = "internal error of the service"

// Recover is middleware that lets the process go on when a call panics. The request is
// answered with [FaultPanicked], which tells the caller nothing of it; a tunnel is closed. It
// belongs around all other middleware, which then learns of the panic. The function, unless it is nil, is told what the panic was and where; it may be called by several
// goroutines at once.
func Recover(report func(kind Kind, value any, stack []byte)) Middleware {
	return Around(func(kind Kind, call func() error) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &FaultError{Text: FaultPanicked}
				if report != nil {
					report(kind, value, debug.Stack())
				}
			}
		}()
		return call()
	})
}

// Metrics takes measurements of a service. It is called by several goroutines at once.
type Metrics interface {
	// Began is called before each call.
	Began(kind Kind)
	// Ended is called after each call, with how long it took and its error: [ErrPanicked] if it
	// panicked.
	Ended(kind Kind, took time.Duration, err error)
}

// Measure is middleware that measures each call.
func Measure(m Metrics) Middleware { return watch(m.Began, m.Ended) }
