// Package otlp sends traces to a collector by the OpenTelemetry protocol (OTLP) over HTTP, in
// protobuf: https://opentelemetry.io/docs/specs/otlp/.
//
// A request is one span, of the node of its caller, and each of its hops is a span below that, of
// the node where the time passes. Nodes are resources: service.name is "iris", and
// service.instance.id the id of the node.
package otlp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

const (
	// timeout is how long a collector may take.
	timeout = 10 * time.Second
	// maxAnswer is how much of its answer is read, in bytes.
	maxAnswer = 64 << 10
	// tracesPath is where collectors take traces, where an address has no path.
	tracesPath = "/v1/traces"
)

// ErrURL says that an address is none of a collector.
var ErrURL = errors.New("is no address of a collector, such as http://127.0.0.1:4318")

// Endpoint returns where traces are sent for the address of a collector: to the usual path, if it
// has none. It fails with [ErrURL].
func Endpoint(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q %w", address, ErrURL)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u.String(), nil
}

// Send sends traces to an endpoint. The error says what the collector has not taken.
func Send(ctx context.Context, endpoint string, traces *status.Traces) error {
	body, err := proto.Marshal(Spans(traces)) // as an ExportTraceServiceRequest, which has the same fields
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "iris")
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no collector answers at %s: start one that takes OTLP over HTTP, or give its address with -otlp", endpoint)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the collector at %s does not answer within %v", endpoint, timeout)
	case err != nil:
		return fmt.Errorf("traces cannot be sent: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the collector at %s answers %s: is that where it takes OTLP over HTTP?", endpoint, response.Status)
	case err != nil:
		return fmt.Errorf("the answer of the collector at %s cannot be read: %w", endpoint, err)
	}
	if n, why := rejected(answer); n > 0 {
		return fmt.Errorf("the collector at %s has not taken %d spans: %s", endpoint, n, status.Text(why))
	}
	return nil
}

// rejected reads how many spans a collector has not taken, and why, from its
// ExportTraceServiceResponse: field 1 has the count in its field 1, and the text in its field 2.
func rejected(answer []byte) (spans uint64, why string) {
	fields(answer, func(number protowire.Number, _ uint64, partial []byte) {
		if number != 1 {
			return
		}
		fields(partial, func(number protowire.Number, n uint64, text []byte) {
			switch number {
			case 1:
				spans = n
			case 2:
				why = string(text)
			}
		})
	})
	return spans, why
}

// fields calls a function for each varint and each field of bytes, up to one that is neither.
func fields(b []byte, take func(number protowire.Number, n uint64, bytes []byte)) {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return
		}
		b = b[size:]
		var n uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
		default:
			return
		}
		if size < 0 {
			return
		}
		b = b[size:]
		take(number, n, text)
	}
}

// Spans returns the spans of traces.
func Spans(traces *status.Traces) *tracepb.TracesData {
	s := spans{cluster: traces.Cluster, nodes: make(map[transport.PeerID]*tracepb.ScopeSpans), data: &tracepb.TracesData{}}
	for i := range traces.Traces {
		s.add(&traces.Traces[i])
	}
	return s.data
}

type spans struct {
	cluster string
	nodes   map[transport.PeerID]*tracepb.ScopeSpans
	data    *tracepb.TracesData
}

// of returns where the spans of a node are.
func (s *spans) of(node transport.PeerID) *tracepb.ScopeSpans {
	if s.nodes[node] == nil {
		s.nodes[node] = &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "github.com/project-iris/iris"}}
		s.data.ResourceSpans = append(s.data.ResourceSpans, &tracepb.ResourceSpans{
			Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "iris"), text("service.instance.id", node.String())}},
			ScopeSpans: []*tracepb.ScopeSpans{s.nodes[node]},
		})
	}
	return s.nodes[node]
}

func (s *spans) add(t *status.Trace) {
	id, err := hex.DecodeString(t.ID)
	if err != nil || len(id) != 16 {
		return // of a node that says what is no trace
	}
	root := &tracepb.Span{
		TraceId: id, SpanId: spanID(id, 0), Name: "request " + s.cluster, Kind: tracepb.Span_SPAN_KIND_CLIENT,
		StartTimeUnixNano: nanos(t.Began, 0), EndTimeUnixNano: nanos(t.Began, t.Seconds),
		Attributes: []*commonpb.KeyValue{text("iris.cluster", s.cluster), text("iris.application", t.Application), text("iris.outcome", t.Outcome)},
	}
	if t.Outcome != "reply" {
		root.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: t.Outcome}
	}
	for _, c := range t.Clocks {
		root.Attributes = append(root.Attributes,
			seconds("iris.clock_ahead_seconds."+c.Node.Short(), c.AheadSeconds), seconds("iris.clock_within_seconds."+c.Node.Short(), c.WithinSeconds))
	}
	s.of(t.Node).Spans = append(s.of(t.Node).Spans, root)
	for i := range t.Hops {
		h := &t.Hops[i]
		at := s.of(where(t, h))
		at.Spans = append(at.Spans, hop(t, h, root, i))
	}
}

// where is the node at which the time of a hop passes: the ways to others are the caller's.
func where(t *status.Trace, h *status.Hop) transport.PeerID {
	if h.Hop == status.HopHanded || h.Hop == status.HopMember || h.Hop == status.HopRefused && h.Placed {
		return h.Node
	}
	return t.Node
}

func hop(t *status.Trace, h *status.Hop, root *tracepb.Span, i int) *tracepb.Span {
	span := &tracepb.Span{
		TraceId: root.TraceId, SpanId: spanID(root.TraceId, i+1), ParentSpanId: root.SpanId, Name: string(h.Hop),
		Kind:              tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: nanos(t.Began, h.StartSeconds), EndTimeUnixNano: nanos(t.Began, h.StartSeconds+h.Seconds),
		Attributes: []*commonpb.KeyValue{text("iris.hop", string(h.Hop)), text("iris.node", h.Node.String())},
	}
	add := func(a *commonpb.KeyValue) { span.Attributes = append(span.Attributes, a) }
	if h.Application != "" {
		add(text("iris.application", h.Application))
	}
	if h.Reason != "" {
		add(text("iris.reason", h.Reason))
	}
	if h.AheadBytes > 0 {
		add(number("iris.ahead_bytes", int64(h.AheadBytes)))
	}
	if h.InHand > 0 {
		add(number("iris.in_hand", h.InHand))
	}
	if h.Placed {
		add(truth("iris.placed"))
	}
	if h.Open {
		add(truth("iris.open"))
	}
	for _, c := range h.Candidates {
		span.Events = append(span.Events, &tracepb.Span_Event{
			TimeUnixNano: span.EndTimeUnixNano, Name: "candidate",
			Attributes: []*commonpb.KeyValue{text("iris.node", c.Node.String()), text("iris.application", c.Application), text("iris.why", string(c.Why)), seconds("iris.cost_seconds", c.CostSeconds)},
		})
	}
	return span
}

// spanID is that of a hop, which is the same each time that a trace is sent.
func spanID(trace []byte, i int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x/%d", trace, i))
	return sum[:8]
}

func nanos(began time.Time, after float64) uint64 {
	at := began.Add(time.Duration(math.Round(after * float64(time.Second)))).UnixNano()
	return uint64(max(at, 0))
}

func text(key, value string) *commonpb.KeyValue {
	value = strings.ToValidUTF8(value, "\uFFFD")
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

func seconds(key string, value float64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: value}}}
}

func truth(key string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}
}
