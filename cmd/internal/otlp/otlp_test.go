package otlp_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/project-iris/iris/cmd/internal/otlp"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

var (
	here, there = transport.PeerID{1}, transport.PeerID{2}
	began       = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

func traces() *status.Traces {
	return &status.Traces{Cluster: "work", Traces: []status.Trace{
		{
			ID: traceID, Node: here, Application: "127.0.0.1:1000", Began: began, Outcome: "fault: member lost", Seconds: 0.03,
			Hops: []status.Hop{
				{Hop: status.HopPicked, Node: there, Seconds: 0.001, Candidates: []status.TraceCandidate{{Node: there, CostSeconds: 0.02, Why: status.Cheapest}}},
				{Hop: status.HopLink, Node: there, StartSeconds: 0.001, Seconds: 0.004, Placed: true},
				{Hop: status.HopMember, Node: there, StartSeconds: 0.005, Seconds: 0.02, Placed: true, Application: "127.0.0.1:2000", Reason: "reply", InHand: 2},
			},
			Clocks: []status.TraceClock{{Node: there, AheadSeconds: 1.5, WithinSeconds: 0.004}},
		},
		{ID: "no id", Node: here, Hops: []status.Hop{}},
	}}
}

// collector takes what is sent, and answers.
func collector(t *testing.T, code int, answer []byte) (url string, got *[]*tracepb.TracesData) {
	t.Helper()
	got = new([]*tracepb.TracesData)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || err != nil {
			t.Errorf("%s %s of %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		}
		var data tracepb.TracesData
		if err := proto.Unmarshal(body, &data); err != nil {
			t.Error(err)
		}
		*got = append(*got, &data)
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(code)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func attribute(all []*commonpb.KeyValue, key string) *commonpb.AnyValue {
	for _, a := range all {
		if a.GetKey() == key {
			return a.GetValue()
		}
	}
	return nil
}

func TestSend(t *testing.T) {
	address, got := collector(t, http.StatusOK, nil)
	endpoint, err := otlp.Endpoint(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := otlp.Send(t.Context(), endpoint, traces()); err != nil {
		t.Fatal(err)
	}
	resources := (*got)[0].GetResourceSpans()
	if len(resources) != 2 {
		t.Fatalf("spans of %d nodes", len(resources))
	}
	for i, id := range []transport.PeerID{here, there} {
		if a := attribute(resources[i].GetResource().GetAttributes(), "service.instance.id"); a.GetStringValue() != id.String() {
			t.Errorf("node %d: %v", i, a)
		}
	}
	spans := resources[0].GetScopeSpans()[0].GetSpans()
	root, member := spans[0], resources[1].GetScopeSpans()[0].GetSpans()[0]
	if len(spans) != 3 || root.GetName() != "request work" || len(root.GetParentSpanId()) != 0 || root.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR ||
		root.GetEndTimeUnixNano()-root.GetStartTimeUnixNano() != 30e6 || root.GetStartTimeUnixNano() != uint64(began.UnixNano()) {
		t.Errorf("the request: %v", spans)
	}
	if a := attribute(root.GetAttributes(), "iris.clock_ahead_seconds.02000000"); a.GetDoubleValue() != 1.5 {
		t.Errorf("the clock: %v", root.GetAttributes())
	}
	if member.GetName() != "member" || string(member.GetParentSpanId()) != string(root.GetSpanId()) || string(member.GetTraceId()) != string(root.GetTraceId()) ||
		member.GetStartTimeUnixNano() != root.GetStartTimeUnixNano()+5e6 || attribute(member.GetAttributes(), "iris.in_hand").GetIntValue() != 2 ||
		!attribute(member.GetAttributes(), "iris.placed").GetBoolValue() {
		t.Errorf("the member: %v", member)
	}
	if len(spans[1].GetEvents()) != 1 || attribute(spans[1].GetEvents()[0].GetAttributes(), "iris.cost_seconds").GetDoubleValue() != 0.02 {
		t.Errorf("the candidates: %v", spans[1])
	}
	ids := make(map[string]bool)
	for _, s := range append(spans, member) {
		if len(s.GetTraceId()) != 16 || len(s.GetSpanId()) != 8 || ids[string(s.GetSpanId())] {
			t.Errorf("ids of %v", s)
		}
		ids[string(s.GetSpanId())] = true
	}
}

// What a collector does not take is said.
func TestRefusals(t *testing.T) {
	partial := protowire.AppendTag(nil, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, 3)
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, "no\x1broom")
	answer := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	for _, row := range []struct {
		name   string
		code   int
		answer []byte
		want   string
	}{
		{"another path", http.StatusNotFound, nil, "404 Not Found"},
		{"some spans", http.StatusOK, answer, `has not taken 3 spans: no\x1broom`},
		{"garbage", http.StatusOK, []byte("\xff\xff\xff"), ""},
		{"half an answer", http.StatusOK, answer[:len(answer)-2], ""},
		{"another kind", http.StatusOK, []byte("\x0d\x01\x02\x03\x04"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			address, _ := collector(t, row.code, row.answer)
			err := otlp.Send(t.Context(), address+"/v1/traces", traces())
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if err := otlp.Send(t.Context(), gone.URL, traces()); err == nil || !strings.Contains(err.Error(), "no collector answers") {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:4318": "http://127.0.0.1:4318/v1/traces", "https://host/": "https://host/v1/traces",
		"http://host/other": "http://host/other", "127.0.0.1:4318": "", "ftp://host": "", "http://": "",
	} {
		got, err := otlp.Endpoint(address)
		if got != want || (want == "") != errors.Is(err, otlp.ErrURL) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}
