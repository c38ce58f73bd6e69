package quic_test

import (
	"bytes"
	"log"
	"runtime"
	"testing"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// TestWarningsAreOneLine turns GSO off, so that there is something to say, and
// brings up several links on several sockets.
func TestWarningsAreOneLine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has what the line is about")
	}
	t.Setenv("QUIC_GO_DISABLE_GSO", "true")
	var standard bytes.Buffer
	before := log.Writer()
	log.SetOutput(&standard)
	defer log.SetOutput(before)

	network := identitytest.NewNetwork(t, "warnings")
	h := newHost(t, network)
	if _, err := h.transport.Listen(t.Context(), "[::1]:0"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustDial(t, h, network)
		h.accept(t)
	}
	lines := h.log.with("UDP is slower than it could be")
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	if advice, _ := lines[0]["set"].(string); advice == "" || lines[0]["gso"] != false {
		t.Errorf("the line does not say what to set: %v", lines[0])
	}
	if standard.Len() > 0 {
		t.Errorf("written to the standard logger: %s", standard.String())
	}
}

func TestConfigIsChecked(t *testing.T) {
	node := identitytest.NewNetwork(t, "config").Node(t)
	rows := map[string]quic.Config{
		"no identity":           {},
		"few streams":           {Identity: node, MaxStreams: 10},
		"negative window":       {Identity: node, StreamWindow: -1},
		"link window too small": {Identity: node, StreamWindow: 1 << 20, LinkWindow: 1 << 10},
		"short idle timeout":    {Identity: node, IdleTimeout: 1},
		"late keep-alive":       {Identity: node, KeepAlive: quic.DefaultIdleTimeout},
	}
	for name, config := range rows {
		if _, err := quic.New(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := quic.New(quic.Config{Identity: node}); err != nil {
		t.Errorf("defaults: %v", err)
	}
}
