package plugins

import (
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestHalf(t *testing.T) {
	broken := errors.New("broken")
	for _, row := range []struct {
		name string
		play func(h *half) error
		want error
		took time.Duration
	}{
		{"reads what was written", func(h *half) error {
			_, _ = h.Write([]byte("abc"))
			b := make([]byte, 2)
			if n, err := h.Read(b); n != 2 || string(b) != "ab" {
				return err
			}
			_, err := h.Read(b[:1])
			return err
		}, nil, 0},
		{"a writer waits for room", func(h *half) error {
			go func() {
				time.Sleep(time.Second)
				_, _ = h.take(nil)
			}()
			_, err := h.Write(make([]byte, 6))
			return err
		}, nil, time.Second},
		{"a reader waits", func(h *half) error {
			go func() {
				time.Sleep(time.Second)
				_, _ = h.Write([]byte("x"))
			}()
			_, err := h.Read(make([]byte, 1))
			return err
		}, nil, time.Second},
		{"a writer has a deadline", func(h *half) error {
			h.set(&h.writing, time.Now().Add(time.Second))
			n, err := h.Write(make([]byte, 6))
			if n != 4 {
				return errors.New("wrote another part than the limit")
			}
			return err
		}, os.ErrDeadlineExceeded, time.Second},
		{"a deadline applies to who waits", func(h *half) error {
			go func() {
				time.Sleep(time.Second)
				h.set(&h.reading, time.Unix(1, 0))
			}()
			_, err := h.Read(make([]byte, 1))
			return err
		}, os.ErrDeadlineExceeded, time.Second},
		{"a deadline can be taken back", func(h *half) error {
			h.set(&h.reading, time.Now().Add(time.Second))
			h.set(&h.reading, time.Time{})
			go func() {
				time.Sleep(2 * time.Second)
				h.end()
			}()
			_, err := h.Read(make([]byte, 1))
			return err
		}, io.EOF, 2 * time.Second},
		{"the end comes after what was written", func(h *half) error {
			_, _ = h.Write([]byte("x"))
			h.end()
			if _, err := h.Read(make([]byte, 1)); err != nil {
				return err
			}
			_, err := h.Read(make([]byte, 1))
			return err
		}, io.EOF, 0},
		{"nothing is written after the end", func(h *half) error {
			h.end()
			_, err := h.Write([]byte("x"))
			return err
		}, io.ErrClosedPipe, 0},
		{"a failure ends who waits", func(h *half) error {
			go func() {
				time.Sleep(time.Second)
				h.fail(broken)
				h.fail(io.EOF)
			}()
			_, err := h.Read(make([]byte, 1))
			return err
		}, broken, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := row.play(newHalf(4))
				if !errors.Is(err, row.want) || time.Since(began) != row.took {
					t.Errorf("%v after %v; want %v after %v", err, time.Since(began), row.want, row.took)
				}
			})
		})
	}
}
