package ask_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/ask"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// asked opens a stream between two nodes, and has the other end played.
func asked(t *testing.T, play func(s transport.Stream)) transport.Stream {
	t.Helper()
	network := mem.NewNetwork(mem.Config{Versions: transport.Versions{Oldest: 1, Newest: 1}})
	a, b := network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2})
	listener, err := b.Listen(t.Context(), "mem://b")
	if err != nil {
		t.Fatal(err)
	}
	link, err := a.Dial(t.Context(), "mem://b", transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := link.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	played := make(chan struct{})
	go func() {
		defer close(played)
		if far, err := other.Accept(context.Background()); err == nil {
			play(far)
		}
	}()
	t.Cleanup(func() {
		a.Close()
		b.Close()
		<-played
	})
	return s
}

func TestAnswers(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 1<<20)
	for _, row := range []struct {
		name string
		play func(s transport.Stream)
		want []byte
		err  error
	}{
		{"an answer", func(s transport.Stream) {
			_ = ask.Answer(s, func(q string) []byte { return []byte("told " + q) })
		}, []byte("told how are you?"), nil},
		{"a large one", func(s transport.Stream) { _ = ask.Answer(s, func(string) []byte { return large }) }, large, nil},
		{"one that is too large", func(s transport.Stream) {
			_ = ask.Answer(s, func(string) []byte { return append(large, 'x') })
		}, nil, ask.ErrTooLong},
		{"a question that is not known", func(s transport.Stream) { _ = ask.Answer(s, func(string) []byte { return nil }) }, nil, ask.ErrUnknown},
		{"a node of an older version", func(s transport.Stream) { s.Reset(transport.CodeNone) }, nil, ask.ErrUnknown},
		{"a node that says nothing", func(transport.Stream) {}, nil, context.DeadlineExceeded},
		{"a node that says little by little", func(s transport.Stream) {
			for range 100 {
				time.Sleep(100 * time.Millisecond)
				if _, err := s.Write([]byte("x")); err != nil {
					return
				}
			}
		}, nil, context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := asked(t, row.play)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				began := time.Now()
				got, err := ask.Ask(ctx, s, "how are you?", len(large))
				if !bytes.Equal(got, row.want) || !errors.Is(err, row.err) {
					t.Errorf("answer of %d bytes, %v", len(got), err)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A node that asks and then says or reads nothing is let go.
func TestWhoAsksAndStays(t *testing.T) {
	for name, question := range map[string]string{"nothing": "", "half": "\x05ab", "all": "\x02ab"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Time, 1)
				s := asked(t, func(s transport.Stream) {
					_ = ask.Answer(s, func(string) []byte { return make([]byte, 64<<20) })
					ended <- time.Now()
				})
				began := time.Now()
				_, _ = s.Write([]byte(question))
				if name == "nothing" {
					_, _ = s.Write([]byte{9})
				}
				if took := (<-ended).Sub(began); took > 4*time.Second {
					t.Errorf("it was let go after %v", took)
				}
			})
		})
	}
}
