package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"

	"github.com/project-iris/iris/relay/wire"
)

func TestFrames(t *testing.T) {
	bodies := [][]byte{[]byte("first"), nil, bytes.Repeat([]byte("x"), maxBody), []byte("last")}
	var stream []byte
	for i, body := range bodies {
		stream = appendFrame(stream, uint64(i)<<40, body)
	}
	for name, source := range map[string]io.Reader{
		"at once":        bytes.NewReader(stream),
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(stream)),
		"end with bytes": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		r := newFrameReader(source)
		for i, body := range bodies {
			id, got, err := r.next()
			if err != nil || id != uint64(i)<<40 || !bytes.Equal(got, body) {
				t.Errorf("%s: frame %d is %d with %d bytes, %v", name, i, id, len(got), err)
			}
		}
		if _, _, err := r.next(); !errors.Is(err, io.EOF) || r.more() {
			t.Errorf("%s: behind the last: %v, more %v", name, err, r.more())
		}
	}
}

func TestFramesThatAreTooLong(t *testing.T) {
	r := newFrameReader(bytes.NewReader(appendFrame(nil, 1, make([]byte, maxBody+1))))
	if _, _, err := r.next(); !errors.Is(err, errFrame) {
		t.Errorf("got %v", err)
	}
}

// pair is a TCP connection.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

// A request that is asked one way comes back through a pump.
func TestWhatIsAskedComesBack(t *testing.T) {
	for _, row := range []struct {
		name string
		ask  func(io.ReadWriter) exchange
		pump pump
	}{
		{"bytes", askBytes, pumpBytes},
		{"frames", askFrames, pumpFrames},
		{"queue", askFrames, pumpQueue},
	} {
		t.Run(row.name, func(t *testing.T) {
			near, far := pair(t)
			ended := make(chan error, 1)
			go func() { ended <- row.pump(far, far) }()
			once := row.ask(near)
			for _, size := range []int{1, 128, maxBody, 7} {
				p := part{Size: size}
				if took, err := p.repeat(once, 1); err != nil || len(took) != 1 {
					t.Fatalf("%d bytes: %d round trips, %v", size, len(took), err)
				}
			}
			near.Close()
			if err := <-ended; !errors.Is(err, io.EOF) {
				t.Errorf("the pump ends with %v", err)
			}
		})
	}
}

// A reply that is not the request is no round trip.
func TestAnotherReplyIsAnError(t *testing.T) {
	p := part{Size: 4}
	_, err := p.repeat(func([]byte) ([]byte, error) { return []byte("no"), nil }, 1)
	if !errors.Is(err, errOtherReply) {
		t.Errorf("got %v", err)
	}
}

func TestRequestsAreEchoed(t *testing.T) {
	var calls []byte
	for id := range uint64(2) {
		m := wire.Call{ID: id, Body: []byte("body"), Timeout: 9}
		calls = m.Append(calls)
	}
	var out bytes.Buffer
	if err := answer(&out, wire.NewReader(bytes.NewReader(calls), wire.FromRelay, wire.Limits{})); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for r, id := wire.NewReader(&out, wire.FromApplication, wire.Limits{}), uint64(0); id < 2; id++ {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if reply, ok := m.(*wire.Reply); !ok || reply.ID != id || !reply.OK || string(reply.Body) != "body" {
			t.Errorf("got %+v", m)
		}
	}
	m := wire.Delivery{Message: []byte("not asked for")}
	if err := answer(&out, wire.NewReader(bytes.NewReader(m.Append(nil)), wire.FromRelay, wire.Limits{})); !errors.Is(err, errUnexpected) {
		t.Errorf("a broadcast: %v", err)
	}
}
