package tcp_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// frame is a frame as package mux encodes it.
func frame(kind byte, stream, value uint32, payload ...byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, stream)
	return append(binary.BigEndian.AppendUint32(b, value), payload...)
}

// A member that misbehaves loses its own link, and is told why.
func TestBadMembersCostTheirOwnLink(t *testing.T) {
	rows := []struct {
		name string
		say  func(conn *tls.Conn)
	}{
		{"garbage", func(conn *tls.Conn) { _, _ = conn.Write([]byte(strings.Repeat("garbage", 100))) }},
		{"streams without end", func(conn *tls.Conn) {
			for stream := uint32(3); stream < 8000; stream += 2 {
				if _, err := conn.Write(frame(0, stream, 1, 'x')); err != nil {
					return
				}
			}
		}},
		{"streams opened and reset without end", func(conn *tls.Conn) {
			for stream := uint32(3); stream < 8000; stream += 2 {
				if _, err := conn.Write(append(frame(0, stream, 0), frame(2, stream, 0)...)); err != nil {
					return
				}
			}
		}},
		{"more than the window", func(conn *tls.Conn) {
			for range 100 {
				if _, err := conn.Write(frame(0, 3, 1024, make([]byte, 1024)...)); err != nil {
					return
				}
			}
		}},
	}
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t)})
	dialled, accepted := join(t, network.Node(t), listener)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			conn, err := stranger(t, listener.Addr(), network.Impostor(t))
			if err != nil {
				t.Fatal(err)
			}
			bad := accept(t, listener)
			row.say(conn)
			select {
			case <-bad.Context().Done():
			case <-time.After(patience):
				t.Fatal("the link lives on")
			}
			if cause := context.Cause(bad.Context()); !errors.Is(cause, transport.ErrProtocol) {
				t.Errorf("the link ended with %v", cause)
			}
			expectAlive(t, dialled, accepted)
		})
	}
}

// A killed process, as seen from here: its system ends the connection.
func TestKilledPeerIsNoticedAtOnce(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t)})
	for name, kill := range map[string]func(*net.TCPConn){
		"in order": func(conn *net.TCPConn) { _ = conn.Close() },
		"by reset": func(conn *net.TCPConn) {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		},
	} {
		conn, err := stranger(t, listener.Addr(), network.Impostor(t))
		if err != nil {
			t.Fatal(err)
		}
		link := accept(t, listener)
		start := time.Now()
		kill(conn.NetConn().(*net.TCPConn))
		<-link.Context().Done()
		if took := time.Since(start); took > tcpSoon {
			t.Errorf("%s: noticed after %v", name, took)
		}
		failed, ok := errors.AsType[*transport.NetworkError](context.Cause(link.Context()))
		if !ok || failed.Silent {
			t.Errorf("%s: the link ended with %v", name, context.Cause(link.Context()))
		}
	}
}

// tcpSoon is much less than any timer would take.
const tcpSoon = 2 * time.Second

// A peer that says nothing after it has connected, and so many of them that
// there is no room left, do not keep a member out.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	log := newLogbook()
	_, listener := listen(t, tcp.Config{Identity: network.Node(t), Logger: slog.New(log), MaxHandshakes: 4, HandshakeTimeout: time.Hour})
	var silent []net.Conn
	for range 20 {
		conn, err := net.Dial("tcp", listener.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	dialled, accepted := join(t, network.Node(t), listener)
	expectAlive(t, dialled, accepted)
	_ = silent[0].SetReadDeadline(time.Now().Add(patience))
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest silent connection: %v; want it closed", err)
	}
	if err := log.refusal(t); err == nil {
		t.Error("nothing logged")
	}
}

func TestNodesThatDoNotAcceptTurnOthersAway(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t), Backlog: 1})
	dialler := tcp.New(tcp.Config{Identity: network.Node(t)})
	defer dialler.Close()
	first, err := dialler.Dial(t.Context(), listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = dialler.Dial(t.Context(), listener.Addr(), transport.PeerID{})
	if closed, ok := errors.AsType[*transport.ClosedError](err); !ok || closed.Code != transport.CodeBusy {
		t.Errorf("%v; want to be told to come later", err)
	}
	expectAlive(t, first, accept(t, listener))
	if _, err := dialler.Dial(t.Context(), listener.Addr(), transport.PeerID{}); err != nil {
		t.Errorf("now that there is room: %v", err)
	}
}

// A refused peer that stays does not stand in the way of others for the time
// that it is given to hear why.
func TestRefusedPeersMakeRoomToo(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t), MaxHandshakes: 1})
	raw, err := net.Dial("tcp", listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_, _ = raw.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_ = raw.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(raw); err != nil { // up to the listener's end of it
		t.Fatal(err)
	}
	dialled, accepted := join(t, network.Node(t), listener)
	expectAlive(t, dialled, accepted)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 30 { // less than the time that it would have had
		if _, err := raw.Write([]byte("x")); err != nil {
			return // the connection is gone
		}
		<-tick.C
	}
	t.Error("the refused peer still has its place")
}
