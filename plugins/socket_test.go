package plugins

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A node connects to the directory of the plugin's process and nowhere else, but for
// loopback on Windows.
func TestSocketCheck(t *testing.T) {
	for _, row := range []struct {
		goos, network, address string
		good                   bool
	}{
		{"linux", "unix", "/tmp/mine/data", true},
		{"linux", "unix", "/tmp/mine/../other/data", false},
		{"linux", "unix", "/run/docker.sock", false},
		{"linux", "unix", "data", false},
		{"linux", "tcp", "127.0.0.1:9", false},
		{"linux", "", "", false},
		{"windows", "tcp", "127.0.0.1:9", true},
		{"windows", "tcp", "[::1]:9", true},
		{"windows", "tcp", "203.0.113.1:9", false},
		{"windows", "tcp", "localhost:9", false},
		{"windows", "tcp", ":9", false},
		{"windows", "udp", "127.0.0.1:9", false},
		{"windows", "unix", "/run/docker.sock", false},
		{"windows", "", "", false},
		{"windows", strings.Repeat("x", 100_000), strings.Repeat("x", 100_000), false},
	} {
		err := socket{row.network, row.address}.check(row.goos, "/tmp/mine")
		if errors.Is(err, ErrProtocol) == row.good || err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s, %.20s %.20s: %.1000v", row.goos, row.network, row.address, err)
		}
	}
}

// A pipe names its connection, and is one from then on, also when the time for making it
// has passed: on loopback as on Unix sockets.
func TestPipe(t *testing.T) {
	data, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	i := &instance{config: Config{MaxConns: 1}, data: socket{"tcp", data.Addr().String()}, pipes: map[*pipe]struct{}{}}
	id := strings.Repeat("i", pluginrpc.IDSize)
	p, err := i.carry(ctx, &pluginrpc.Connection{Id: []byte(id), RemoteAddress: "there:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.LocalAddr().String() != "unknown" || p.RemoteAddr().String() != "there:1" {
		t.Errorf("it is from %v to %v", p.LocalAddr(), p.RemoteAddr())
	}
	if _, err := i.carry(ctx, &pluginrpc.Connection{Id: []byte(id)}); !errors.Is(err, ErrLimit) {
		t.Errorf("one too many: %v, want ErrLimit", err)
	}
	<-ctx.Done()
	if _, err := p.Write([]byte(" and more")); err != nil {
		t.Error(err)
	}
	if err := p.CloseWrite(); err != nil {
		t.Error(err)
	}
	plugin, err := data.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	if got, err := io.ReadAll(plugin); string(got) != id+" and more" || err != nil {
		t.Errorf("the plugin reads %q, %v", got, err)
	}
	if _, err := plugin.Write([]byte("back")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(p, make([]byte, 4)); err != nil {
		t.Error(err)
	}
}
