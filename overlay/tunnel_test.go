package overlay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// open opens a tunnel to a cluster, which has to work.
func (a *app) open(cluster string) Stream {
	a.t.Helper()
	conn, err := a.Tunnel(a.t.Context(), []byte(cluster))
	if err != nil {
		a.t.Fatalf("tunnel to %q: %v", cluster, err)
	}
	return conn
}

func TestATunnelCarriesBytesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		service := attach(t, o, "service")
		near := caller.open("service")
		far := service.tunnel(0)
		sent := bytes.Repeat([]byte("0123456789"), 10_000)
		for _, ends := range [][2]Stream{{near, far}, {far, near}} {
			go ends[0].Write(sent)
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("read %d bytes: %v", len(got), err)
			}
		}
		near.Close()
		checkIdle(t, o)
		o.Close()
		checkEmpty(t, o)
	})
}

// A write lasts until the other end has read it: the sender goes at its pace.
func TestAWriterWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, service := attach(t, o, ""), attach(t, o, "service")
		near := caller.open("service")
		written := false
		go func() {
			near.Write([]byte("hello"))
			written = true
		}()
		synctest.Wait()
		if written {
			t.Error("a write ended before it was read")
		}
		io.ReadFull(service.tunnel(0), make([]byte, 5))
		synctest.Wait()
		if !written {
			t.Error("a write did not end when it was read")
		}
		near.Close()
	})
}

// Rule 24: data sent before the close arrives before it, whichever end closes.
func TestCloseFlushesWhatWasWrittenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, closer := range []string{"initiator", "acceptor"} {
			o := New(Config{})
			caller, service := attach(t, o, ""), attach(t, o, "service")
			from := caller.open("service")
			to := service.tunnel(0)
			if closer == "acceptor" {
				from, to = to, from
			}
			go func() {
				for _, text := range []string{"a", "b", "last words"} {
					if _, err := io.WriteString(from, text); err != nil {
						t.Errorf("write: %v", err)
					}
				}
				from.Close()
			}()
			got, err := io.ReadAll(slowReader{to})
			if err != nil || string(got) != "ablast words" {
				t.Errorf("the %s closed, and %q arrived: %v", closer, got, err)
			}
			if _, err := to.Write([]byte("anybody there?")); err == nil {
				t.Error("a write to a closed tunnel succeeded")
			}
			if _, err := from.Write(nil); err == nil {
				t.Error("a write after the close succeeded")
			}
			to.Close()
			checkIdle(t, o)
			o.Close()
		}
	})
}

// slowReader takes its time, and reads a byte at a time.
type slowReader struct{ io.Reader }

func (r slowReader) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return r.Reader.Read(b[:1])
}

func TestACloseEndsABlockedWriteAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, service := attach(t, o, ""), attach(t, o, "service")
		near := caller.open("service")
		far := service.tunnel(0)
		var writing, reading error
		go func() { _, writing = far.Write([]byte("nobody reads this")) }()
		go func() { _, reading = far.Read(make([]byte, 1)) }()
		synctest.Wait()
		near.Close()
		synctest.Wait()
		if writing == nil || !errors.Is(reading, io.EOF) {
			t.Errorf("write: %v, read: %v", writing, reading)
		}
	})
}

// The load of a tunnel is given back once, however often and by whom it is closed.
func TestTheLoadOfATunnelIsGivenBackOnce(t *testing.T) {
	o := New(Config{})
	caller, service := attach(t, o, ""), attach(t, o, "service")
	closes := map[string]func(near, far io.Closer){
		"the initiator": func(near, _ io.Closer) { near.Close() },
		"the acceptor":  func(_, far io.Closer) { far.Close() },
		"both, twice": func(near, far io.Closer) {
			for range 2 {
				near.Close()
				far.Close()
			}
		},
		"both at once": func(near, far io.Closer) {
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() { near.Close() })
				group.Go(func() { far.Close() })
			}
			group.Wait()
		},
	}
	other := caller.open("service")
	for name, end := range closes {
		for range 20 {
			near := caller.open("service")
			if n := service.Usage().InHand; n != 2 {
				t.Fatalf("with 2 tunnels the load is %d", n)
			}
			end(near, service.tunnel(len(service.tunnels)-1))
			if n := service.Usage().InHand; n != 1 {
				t.Fatalf("%s closed, and the load is %d, want 1", name, n)
			}
		}
	}
	other.Close()
	checkIdle(t, o)
	o.Close()
	checkEmpty(t, o)
}

func TestTunnelsWaitForAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() { caller.open("late").Close() })
		}
		synctest.Wait()
		if n := o.lookup.Stats().Waiting; n != 3 {
			t.Errorf("%d tunnels wait", n)
		}
		attach(t, o, "other").saw()
		service := attach(t, o, "late")
		group.Wait()
		service.saw("tunnel", "tunnel", "tunnel")
		checkIdle(t, o)
		o.Close()
		checkEmpty(t, o)
	})
}

// Rule 15: a tunnel that cannot be opened fails, once and by its deadline.
func TestATunnelThatWaitsInVain(t *testing.T) {
	ends := map[string]struct {
		end  func(o *Overlay)
		want error
	}{
		"the deadline": {func(*Overlay) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"a drain":      {func(o *Overlay) { o.Drain(context.Background()) }, ErrDraining},
		"a close":      {func(o *Overlay) { o.Close() }, ErrClosed},
	}
	for name, row := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := New(Config{})
				caller := attach(t, o, "")
				var errs []error
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					_, err := caller.Tunnel(ctx, []byte("nobody"))
					errs = append(errs, err)
				}()
				synctest.Wait()
				row.end(o)
				synctest.Wait()
				if len(errs) != 1 || !errors.Is(errs[0], row.want) {
					t.Errorf("Tunnel = %v, want %v", errs, row.want)
				}
				checkIdle(t, o)
				o.Close()
				checkEmpty(t, o)
			})
		})
	}
}

func TestATunnelNeedsAContextThatLives(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller, service := attach(t, o, ""), attach(t, o, "service")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cluster := range []string{"service", "nobody"} {
		if _, err := caller.Tunnel(ctx, []byte(cluster)); !errors.Is(err, context.Canceled) {
			t.Errorf("Tunnel = %v", err)
		}
	}
	service.saw()
	checkIdle(t, o)
}

func TestARefusedTunnelGoesToTheNext(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	attach(t, o, "service", refusing)
	attach(t, o, "service", func(a *app) {
		a.take = func(_ context.Context, conn Stream) error {
			conn.Close() // refuses and closes
			return errRefused
		}
	})
	good := attach(t, o, "service")
	conn := caller.open("service")
	good.saw("tunnel")
	conn.Close()
	checkIdle(t, o)
}

func TestATunnelThatAllRefuse(t *testing.T) {
	for members, offers := range map[int]int{1: 1, 3: 3, 5: 3} {
		o := New(Config{})
		caller := attach(t, o, "")
		services := make([]*app, members)
		for i := range services {
			services[i] = attach(t, o, "service", refusing)
		}
		_, err := caller.Tunnel(t.Context(), []byte("service"))
		if !errors.Is(err, ErrNoMember) || !errors.Is(err, errRefused) {
			t.Errorf("Tunnel = %v", err)
		}
		if n := o.Stats().TunnelsUnfit; n != 1 {
			t.Errorf("%d tunnels are counted that were not built", n)
		}
		offered := 0
		for _, s := range services {
			offered += len(s.seen)
		}
		if offered != offers {
			t.Errorf("%d of %d members were offered the tunnel, want %d", offered, members, offers)
		}
		checkIdle(t, o)
		o.Close()
	}
}

// A member that has it offered until the context ends costs that tunnel only.
func TestAMemberThatDoesNotTakeATunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller := attach(t, o, "")
		service := attach(t, o, "service", func(a *app) {
			a.take = func(ctx context.Context, _ Stream) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}
		})
		attach(t, o, "service")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := caller.Tunnel(ctx, []byte("service")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Tunnel = %v", err)
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("it took %v", waited)
		}
		service.saw("tunnel")
		checkIdle(t, o)
	})
}

// A tunnel outlives the members at its ends, whose owners close them.
func TestATunnelBelongsToItsOwners(t *testing.T) {
	o := New(Config{})
	caller, service := attach(t, o, ""), attach(t, o, "service")
	near := caller.open("service")
	far := service.tunnel(0)
	o.Close()
	go io.WriteString(near, "still")
	got := make([]byte, 5)
	if _, err := io.ReadFull(far, got); err != nil || !slices.Equal(got, []byte("still")) {
		t.Errorf("read %q: %v", got, err)
	}
	far.Close()
	if n := service.Usage().InHand; n != 0 {
		t.Errorf("the load is %d", n)
	}
}
