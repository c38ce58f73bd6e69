package node

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// loggedLine is a line of the log, as the admin server's are.
type loggedLine struct {
	Level, Msg, Detail string
	Unlogged           int
}

func logged(t *testing.T, text string) []loggedLine {
	t.Helper()
	var all []loggedLine
	for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
		var line loggedLine
		if err := d.Decode(&line); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		all = append(all, line)
	}
	return all
}

// The lines of the server have the format of the node's log. They are not too many, and
// what is left out is counted.
func TestTheLogOfTheAdminServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newAdminLog(slog.New(slog.NewJSONHandler(&out, nil)))
		for range 1000 {
			l.Printf("http: panic serving %v\n%s", "127.0.0.1:1", strings.Repeat("\xff", 10*adminLine))
		}
		time.Sleep(time.Second)
		l.Print("once more")
		lines := logged(t, out.String())
		if len(lines) != adminLinesAtOnce+1 {
			t.Fatalf("%d lines", len(lines))
		}
		first, last := lines[0], lines[len(lines)-1]
		if first.Level != "WARN" || first.Msg != "admin server has trouble" || !strings.HasPrefix(first.Detail, "http: panic serving 127.0.0.1:1\n") ||
			len(first.Detail) > adminLine || strings.Contains(first.Detail, "\xff") {
			t.Errorf("first: %+v", first)
		}
		if last.Detail != "once more" || last.Unlogged != 1000-adminLinesAtOnce {
			t.Errorf("last: %+v", last)
		}
	})
}

// The server of a node has that log.
func TestTheAdminServerUsesTheLogOfTheNode(t *testing.T) {
	var out bytes.Buffer
	n := &Node{config: Config{Logger: slog.New(slog.NewJSONHandler(&out, nil))}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := n.serveAdmin(l, nil)
	a.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.WriteHeader(http.StatusOK) // of which the server complains
	})
	response, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	a.close(t.Context())
	if lines := logged(t, out.String()); len(lines) != 1 || !strings.Contains(lines[0].Detail, "superfluous response.WriteHeader") {
		t.Errorf("logged %q", out.String())
	}
}
