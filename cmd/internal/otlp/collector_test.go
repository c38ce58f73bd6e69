package otlp_test

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/otlp"
)

var withCollector = flag.Bool("collector", false, "build a collector of OpenTelemetry, and send it traces: make collector")

// A collector of OpenTelemetry, built of its modules, takes what is sent, and reads it as it was meant.
func TestCollector(t *testing.T) {
	if !*withCollector {
		t.Skip("it builds a collector, which takes minutes: make collector")
	}
	program := filepath.Join(t.TempDir(), "collector")
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Dir = "testdata/collector"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program, address)
	says, err := run.StderrPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = run.Wait()
	}()
	lines := bufio.NewReader(says)
	await(t, lines, "Everything is ready")
	endpoint, err := otlp.Endpoint("http://" + address)
	if err == nil {
		err = otlp.Send(ctx, endpoint, traces())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"service.instance.id: Str(" + here.String(), "request work", "Error", "member lost", "picked", "iris.cost_seconds: Double(0.02)", "link",
		"service.instance.id: Str(" + there.String(), traceID, "member", "2026-11-28 12:00:00.005", "iris.in_hand: Int(2)",
	} {
		await(t, lines, want)
	}
}

// await reads lines up to one with a text.
func await(t *testing.T, lines *bufio.Reader, text string) {
	t.Helper()
	var read strings.Builder
	for {
		line, err := lines.ReadString('\n')
		read.WriteString(line)
		switch {
		case strings.Contains(line, text):
			t.Logf("%s", strings.TrimSpace(line))
			return
		case err == io.EOF:
			t.Fatalf("the collector has ended before it said %q: %s", text, read.String())
		case err != nil:
			t.Fatal(err)
		}
	}
}
