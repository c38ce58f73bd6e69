package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/project-iris/iris/node/status"
)

// asking asks a cluster again and again, until a command has ended.
func asking(t *testing.T, r *running, port, cluster string) (code int) {
	t.Helper()
	for {
		select {
		case <-r.done:
			return r.wait()
		default:
		}
		if r := iris(t, "", "request", port, cluster, "ping"); r.out != "pong\n" {
			t.Fatalf("request: %+v", r)
		}
	}
}

// The next requests to a name are traced, shown, and sent to a collector.
func TestTrace(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	n, port := startNode(t, "-control", socket)
	const cluster = "evil\x1b[31m\n"
	service := start(t, nil, "reply", port, "-text", "pong", cluster)
	service.err.next(t, "serving")

	traced := start(t, nil, "trace", "-control", socket, "-for", "1m", "-count", "2", cluster)
	if code := asking(t, traced, port, cluster); code != exitGood {
		t.Fatalf("trace has ended with %d: %s", code, rest(traced.err))
	}
	out := rest(traced.out)
	if !strings.HasPrefix(out, `evil\x1b[31m\n: 2 requests within `) || strings.Count(out, "\ntrace ") != 2 || strings.Count(out, "  member: reply\n") != 2 ||
		!strings.Contains(out, "  picked 127.0.0.1:") || strings.Contains(out, "\x1b") {
		t.Errorf("trace says\n%s", out)
	}

	sent := make(chan *tracepb.TracesData, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var data tracepb.TracesData
		if body, err := io.ReadAll(r.Body); err != nil || proto.Unmarshal(body, &data) != nil {
			t.Errorf("%v: no traces: %q", err, body)
		}
		sent <- &data
	}))
	defer collector.Close()
	traced = start(t, nil, "trace", "-json", "-control", socket, "-for", "1m", "-count", "1", "-every", "3", "-otlp", collector.URL, cluster)
	if code := asking(t, traced, port, cluster); code != exitGood {
		t.Fatalf("trace -otlp has ended with %d: %s", code, rest(traced.err))
	}
	var traces status.Traces
	if err := json.Unmarshal([]byte(rest(traced.out)), &traces); err != nil || len(traces.Traces) != 1 || traces.Traces[0].Outcome != "reply" || len(traces.Traces[0].Hops) != 4 {
		t.Fatalf("trace -json: %+v, %v", traces, err)
	}
	spans := (<-sent).GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if len(spans) != 5 || !bytes.Equal(spans[0].GetTraceId(), spans[4].GetTraceId()) || spans[0].GetName() != `request evil\x1b[31m\n` {
		t.Errorf("spans: %v", spans)
	}

	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	traced = start(t, nil, "trace", "-control", socket, "-for", "1m", "-count", "1", "-otlp", gone.URL, cluster)
	if code := asking(t, traced, port, cluster); code != exitFailed || !strings.Contains(rest(traced.err), "no collector answers") {
		t.Errorf("without a collector: %d", code)
	}
	if r := iris(t, "", "trace", "-control", socket, "-for", "50ms", "nobody"); r.code != exitGood || !strings.HasPrefix(r.out, "nobody: no request within ") {
		t.Errorf("nobody: %+v", r)
	}
	for _, args := range [][]string{
		{}, {""}, {"a", "b"}, {"-count", "0", "a"}, {"-count", "101", "a"}, {"-for", "1h", "a"}, {"-otlp", "host", "a"}, {"-http", "127.0.0.1:1", "a"},
	} {
		if r := iris(t, "", append([]string{"trace"}, args...)...); r.code != exitUsage {
			t.Errorf("trace %q: %+v", args, r)
		}
	}

	traced = start(t, nil, "trace", "-control", socket, "-for", "9m", "nobody")
	n.err.next(t, "requests are traced\" cluster=nobody count=5 for=9m")
	traced.signals <- os.Interrupt
	if code := traced.wait(); code == exitUsage {
		t.Errorf("it was interrupted, and ends with %d", code)
	}
}

// rest returns what nobody has read of the output of a command that has ended.
func rest(l *lines) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
