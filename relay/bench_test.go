package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
)

// directMesh hands all requests to one member, under the ids of their caller, which
// has to be the only one.
type directMesh struct{ caller, service relay.Application }

func (d *directMesh) Attach(cluster []byte, app relay.Application) (relay.Member, error) {
	if len(cluster) > 0 {
		d.service = app
	} else {
		d.caller = app
	}
	return directMember{fakeMember: &fakeMember{}, mesh: d}, nil
}

type directMember struct {
	*fakeMember
	mesh *directMesh
}

func (m directMember) Request(id uint64, _, body []byte, timeout time.Duration) {
	if err := m.mesh.service.HandleRequest(id, body, timeout); err != nil {
		m.mesh.caller.HandleFault(id, nil)
	}
}

func (m directMember) Tunnel(ctx context.Context, _ []byte) (relay.Stream, error) {
	near, far := (&fakeMesh{}).pipe()
	return near, m.mesh.service.HandleTunnel(ctx, far)
}

func (m directMember) AwaitConfirmation(context.Context) {}

func (m directMember) Reply(id uint64, _ bool, body []byte) { m.mesh.caller.HandleReply(id, body) }

// BenchmarkRequest is a request from one application to another and its reply, over
// TCP: four frames, two in and two out. The applications allocate nothing, so what
// is counted is the relay's.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		for _, open := range []int{1, 64} {
			b.Run(fmt.Sprintf("%d bytes, %d open", size, open), func(b *testing.B) { benchRequest(b, size, open) })
		}
	}
}

// BenchmarkRequestWithPolicy is BenchmarkRequest where a policy allows it by its last rule.
func BenchmarkRequestWithPolicy(b *testing.B) {
	p := rules(b, strings.Repeat("deny user:1 * nothing*\n", 100)+"allow * * *\n")
	for _, open := range []int{1, 64} {
		b.Run(fmt.Sprintf("1024 bytes, %d open, no policy", open), func(b *testing.B) { benchRequestBy(b, 1024, open, nil) })
		b.Run(fmt.Sprintf("1024 bytes, %d open, policy", open), func(b *testing.B) { benchRequestBy(b, 1024, open, p) })
	}
}

// BenchmarkPolicyTail has requests with a policy and without take turns, so that whatever else the
// machine does is the same for both, and reports the ratios of their median and 99th percentile.
func BenchmarkPolicyTail(b *testing.B) {
	p := rules(b, strings.Repeat("deny user:1 * nothing*\n", 100)+"allow * * *\n")
	var sides [2]func()
	for i, p := range []*policy.Policy{nil, p} {
		caller, ask, result := benchEcho(b, 1024, p)
		buf := make([]byte, result)
		sides[i] = func() {
			if _, err := caller.Write(ask); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(caller, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	var took [2][]time.Duration
	for b.Loop() {
		for i, request := range sides {
			began := time.Now()
			request()
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	ratio := func(q float64) float64 {
		at := int(q * float64(len(took[0])-1))
		return float64(took[1][at]) / float64(took[0][at])
	}
	b.ReportMetric(ratio(0.5), "p50-ratio")
	b.ReportMetric(ratio(0.99), "p99-ratio")
}

func benchRequest(b *testing.B, size, open int) { benchRequestBy(b, size, open, nil) }

// benchEcho attaches a service that answers, and its caller, to a relay of their own. It returns the
// caller, its request and the length of the answer.
func benchEcho(b *testing.B, size int, p *policy.Policy) (caller net.Conn, ask []byte, result int) {
	r := relay.New(relay.Config{Mesh: &directMesh{}, Policy: p})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go r.Serve(l)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r.Close(ctx)
	})
	service := benchAttach(b, l, "svc")
	caller = benchAttach(b, l, "")

	body := bytes.Repeat([]byte("x"), size)
	call := (&wire.Call{ID: 7, Body: body, Timeout: 1000}).Size()
	result = (&wire.Result{ID: 7, OK: true, Body: body}).Size()
	ask = (&wire.Request{ID: 7, Cluster: []byte("svc"), Body: body, Timeout: 1000}).Append(nil)
	answer := (&wire.Reply{ID: 7, OK: true, Body: body}).Append(nil)
	go func() {
		buf := make([]byte, call)
		for {
			if _, err := io.ReadFull(service, buf); err != nil {
				return
			}
			if _, err := service.Write(answer); err != nil {
				return
			}
		}
	}()
	return caller, ask, result
}

func benchRequestBy(b *testing.B, size, open int, p *policy.Policy) {
	caller, ask, result := benchEcho(b, size, p)
	b.ReportAllocs()
	b.SetBytes(int64(2 * size))
	buf := make([]byte, result)
	asked := 0
	for b.Loop() {
		for ; asked < open; asked++ {
			if _, err := caller.Write(ask); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := io.ReadFull(caller, buf); err != nil {
			b.Fatal(err)
		}
		asked--
	}
}

// BenchmarkTunnel is a message of one chunk through a tunnel between two
// applications, over TCP.
func BenchmarkTunnel(b *testing.B) {
	for _, size := range []int{1 << 10, chunkLimit - 64, chunkLimit} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) { benchTunnel(b, size) })
	}
}

func benchTunnel(b *testing.B, size int) {
	mesh := &directMesh{}
	r := relay.New(relay.Config{Mesh: mesh})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go r.Serve(l)
	defer r.Close(b.Context())
	receiver, sender := benchAttach(b, l, "svc"), benchAttach(b, l, "")
	go takeAndGrant(receiver, size)
	if _, err := sender.Write(tunInit(1).Append(nil)); err != nil {
		b.Fatal(err)
	}

	b.ReportAllocs()
	b.SetBytes(int64(size))
	frames := wire.NewReader(sender, wire.FromRelay, wire.Limits{})
	message := chunk(1, uint64(size), strings.Repeat("x", size)).Append(nil)
	credit := 0
	for b.Loop() {
		for credit < size {
			m, err := frames.Read()
			if err != nil {
				b.Fatal(err)
			}
			if allow, ok := m.(*wire.TunAllow); ok {
				credit += int(allow.Bytes)
			}
		}
		credit -= size
		if _, err := sender.Write(message); err != nil {
			b.Fatal(err)
		}
	}
}

// takeAndGrant confirms a tunnel, and grants each message as soon as it has come.
func takeAndGrant(conn net.Conn, size int) {
	frames := wire.NewReader(conn, wire.FromRelay, wire.Limits{})
	grant := allow(1, uint64(size)).Append(nil)
	for {
		m, err := frames.Read()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *wire.TunOffer:
			b := (&wire.TunConfirm{BuildID: m.BuildID, ID: 1}).Append(nil)
			_, _ = conn.Write(allow(1, window).Append(b))
		case *wire.TunTransfer:
			_, _ = conn.Write(grant)
		}
	}
}

func benchAttach(b *testing.B, l net.Listener, cluster string) net.Conn {
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	if _, err := conn.Write(hello(cluster).Append(nil)); err != nil {
		b.Fatal(err)
	}
	accept := &wire.Accept{Version: []byte(wire.Version)}
	if _, err := io.ReadFull(conn, make([]byte, accept.Size())); err != nil {
		b.Fatal(err)
	}
	return conn
}
