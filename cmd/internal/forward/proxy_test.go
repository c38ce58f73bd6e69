package forward

import (
	"encoding/hex"
	"io"
	"net"
	"testing"
	"time"
)

func TestProxyHeader(t *testing.T) {
	four, six := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5432}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5432}
	const (
		start = "0d0a0d0a000d0a515549540a" // the signature
		six1  = "20010db8000000000000000000000001"
		six7  = "20010db8000000000000000000000007"
		none6 = "00000000000000000000000000000000"
	)
	for _, row := range []struct {
		source string
		target net.Addr
		want   string
	}{
		{"192.0.2.7:49152", four, "2111000cc00002070a000001c0001538"},
		{"[::ffff:192.0.2.7]:49152", four, "2111000cc00002070a000001c0001538"},
		{"192.0.2.7:49152", six, "2111000cc000020700000000c0001538"},
		{"192.0.2.7:49152", &net.UnixAddr{Name: "x"}, "2111000cc000020700000000c0000000"},
		{"[2001:db8::7%eth0]:49152", six, "21210024" + six7 + six1 + "c0001538"},
		{"[2001:db8::7]:49152", four, "21210024" + six7 + none6 + "c0001538"},
		{"", four, "21000000"},
		{"@", four, "21000000"},
		{"localhost:80", four, "21000000"},
	} {
		if got := hex.EncodeToString(proxyHeader(row.source, row.target)); got != start+row.want {
			t.Errorf("header for %q to %v is %s", row.source, row.target, got)
		}
	}
	if got := hex.EncodeToString(localHeader()); got != start+"20000000" {
		t.Errorf("header of the proxy itself is %s", got)
	}
}

// The target learns whose connections they are, and which are nobody's.
func TestTheTargetLearnsTheClient(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour, ProxyProtocol: true})
	l := listener(t, "tcp", "127.0.0.1:0")
	w.expose(text(l.Addr()))
	probe, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(probe); string(got) != string(localHeader()) || err != nil {
		t.Errorf("the probe said %q, %v", got, err)
	}
	f, _ := w.forward("127.0.0.1:0")
	near := dialled(t, f)
	far := accept(t, l) // and the first byte
	want := string(proxyHeader(near.LocalAddr().String(), l.Addr()))[1:] + "!"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); string(got) != want || err != nil {
		t.Errorf("the target got %q, %v, want %q", got, err, want)
	}
}
