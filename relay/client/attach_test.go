package client

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// The first frames of a member named "svc" and of a plain client, as an application
// of 2014 sends them.
func TestIntroducesItself(t *testing.T) {
	for cluster, want := range map[string]string{
		"svc": "0011697269732d636c69656e742d6d616769630b76312e302d64726166743203737663",
		"":    "0011697269732d636c69656e742d6d616769630b76312e302d64726166743200",
	} {
		relay, link := newFakeRelay(t)
		done := asyncError(func() error {
			return introduce(link, wire.NewReader(link, wire.FromRelay, wire.Limits{}), cluster)
		})
		init := expect[*wire.Init](relay)
		if got := hex.EncodeToString(init.Append(nil)); got != want {
			t.Errorf("INIT is %s, want %s", got, want)
		}
		relay.send(&wire.Accept{Version: []byte(wire.Version)})
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestAttachFails(t *testing.T) {
	const accept = "\x00\x10iris-relay-magic\x0bv1.0-draft2"
	for _, row := range []struct {
		name   string
		answer string
		want   string
	}{
		{"denied", "\x01\x10iris-relay-magic\x0bgo away now", "denied by the node: go away now"},
		{"other version", strings.Replace(accept, "draft2", "draft3", 1), `the node speaks "v1.0-draft3", this client "v1.0-draft2"`},
		{"other protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "unknown opcode"},
		{"wrong magic", strings.Replace(accept, "magic", "magix", 1), "wrong magic"},
		{"out of turn", "\x02\x00", "sent CLOSE instead of INIT"},
		{"dropped", "", "the node dropped the connection: unexpected EOF"},
		{"dropped within", accept[:9], "the node dropped the connection: unexpected EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			relay, link := newFakeRelay(t)
			go func() {
				expect[*wire.Init](relay)
				_, _ = relay.link.Write([]byte(row.answer))
				_ = relay.link.Close()
			}()
			closing := &closingLink{Conn: link}
			_, err := attach(t.Context(), closing, "", Service{}, Config{}.withDefaults())
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error is %v, want one with %q", err, row.want)
			}
			if errors.Is(err, io.EOF) {
				t.Error("error is io.EOF")
			}
			if !closing.closed {
				t.Error("the connection is left open")
			}
		})
	}
}

// closingLink notes that it was closed.
type closingLink struct {
	net.Conn
	closed bool
}

func (l *closingLink) Close() error {
	l.closed = true
	return l.Conn.Close()
}

func TestDeniedErrorHasTheReason(t *testing.T) {
	relay, link := newFakeRelay(t)
	go func() {
		expect[*wire.Init](relay)
		relay.send(&wire.Deny{Reason: []byte("because")})
	}()
	_, err := attach(t.Context(), link, "", Service{}, Config{}.withDefaults())
	denied, ok := errors.AsType[*DeniedError](err)
	if !ok || denied.Reason != "because" {
		t.Errorf("error is %#v", err)
	}
}

func TestAttachToASilentNodeEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, link := newFakeRelay(t)
		go relay.discard()
		start := time.Now()
		_, err := attach(within(t, time.Second), link, "", Service{}, Config{}.withDefaults())
		wantError(t, err, ErrTimeout, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, link := newFakeRelay(t) // does not even read
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := attach(ctx, link, "", Service{}, Config{}.withDefaults())
		wantError(t, err, context.Canceled)
	})
}

func TestConnectToNobodyNamesTheAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, err = Connect(t.Context(), Config{Address: address})
	if err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("error is %v", err)
	}
}

func TestConnectIsDeniedOverTCP(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	served := asyncError(func() error {
		link, err := listener.Accept()
		if err != nil {
			return err
		}
		defer link.Close()
		relay := &fakeRelay{t, link, wire.NewReader(link, wire.FromApplication, wire.Limits{})}
		expect[*wire.Init](relay)
		relay.send(&wire.Deny{Reason: []byte("full")})
		return nil
	})
	config := Config{Address: listener.Addr().String()}
	_, err := Connect(t.Context(), config)
	if denied, ok := errors.AsType[*DeniedError](err); !ok || denied.Reason != "full" {
		t.Errorf("error is %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Connect(ctx, config)
	wantError(t, err, context.Canceled)
}

func TestRegisterChecksTheName(t *testing.T) {
	if _, err := Register(t.Context(), "", Service{}, Config{}); err == nil {
		t.Error("registered without a name")
	}
	_, err := Register(t.Context(), strings.Repeat("x", maxName+1), Service{}, Config{})
	wantError(t, err, ErrTooLarge)
}
