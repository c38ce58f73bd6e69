package gateway

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// stream is what waits for one reader of events. Whoever puts never waits.
type stream struct {
	limit  int
	binary bool
	news   chan struct{} // holds one when there is something to take

	mu   sync.Mutex
	text []byte // events as they are sent
	full bool   // one found no room: it is over
}

var errSlowReader = errors.New("the reader does not keep up")

// add adds an event.
func (s *stream) add(event []byte) {
	s.put(func(b []byte) []byte { return appendEvent(b, event, s.binary) })
}

// say adds an event of the gateway's own.
func (s *stream) say(kind, text string) {
	s.put(func(b []byte) []byte { return append(b, "event: "+kind+"\ndata: "+text+"\n\n"...) })
}

func (s *stream) put(appendTo func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.text) >= s.limit {
		s.full = true
	}
	if !s.full {
		s.text = appendTo(s.text)
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// take returns what waits.
func (s *stream) take() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text
	s.text = nil
	if s.full {
		return nil, errSlowReader
	}
	return text, nil
}

// subscribe streams the events of a topic until the caller goes, or the gateway ends.
func (g *Gateway) subscribe(w http.ResponseWriter, r *http.Request, topic string) *refusal {
	encoding := r.URL.Query().Get("encoding")
	if encoding != "" && encoding != "base64" {
		return refuse(ReasonInput, "encoding=%.40s is unknown: there is base64", encoding)
	}
	s := &stream{limit: g.config.StreamQueue, binary: encoding == "base64", news: make(chan struct{}, 1)}
	if !g.enter(s) {
		return refuse(ReasonBusy, "there are %d subscriptions, which is as many as there may be", g.config.Streams)
	}
	defer g.leave(s)
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	subscription, err := g.conn.Subscribe(ctx, topic, s.add)
	cancel()
	if err != nil {
		return failure(err, g.config.Timeout)
	}
	defer subscription.Unsubscribe()
	w.Header().Set("Content-Type", "text/event-stream")
	err = g.stream(w, r, s)
	if errors.Is(err, errSlowReader) || errors.Is(err, os.ErrDeadlineExceeded) {
		g.count(ReasonSlowReader)
		if g.warnings.Allow() {
			g.config.Logger.Warn("reader of events is too slow; it is cut off", "caller", r.RemoteAddr, "topic", topic)
		}
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the reader must not take this for a good end
	}
	return nil
}

// stream sends what comes, and something now and then.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, s *stream) error {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	text := []byte(": subscribed\n\n")
	for {
		if err := g.write(w, text); err != nil {
			return err
		}
		select {
		case <-s.news:
			var err error
			if text, err = s.take(); err != nil {
				return err
			}
		case <-alive.C:
			text = []byte(":\n\n")
		case <-r.Context().Done():
			return nil
		case <-g.ctx.Done():
			return nil
		}
	}
}

// piece is how much is written at a time: the reader has the stall time for each.
const piece = 64 << 10

// write sends text now.
func (g *Gateway) write(w http.ResponseWriter, text []byte) error {
	control := http.NewResponseController(w)
	for len(text) > 0 {
		n := min(len(text), piece)
		if err := control.SetWriteDeadline(time.Now().Add(g.config.Stall)); err != nil {
			return err
		}
		if _, err := w.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return control.Flush()
}

// enter adds a stream, unless there are too many.
func (g *Gateway) enter(s *stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.streams) >= g.config.Streams {
		return false
	}
	g.streams[s] = struct{}{}
	return true
}

func (g *Gateway) leave(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, s)
}

// lost tells all readers that they miss events from now on, and restored that this is over.
func (g *Gateway) lost(reason error) {
	g.config.Logger.Warn("the node is gone; attaching again when it is back", "reason", reason)
	g.sayAll("lost", "the node is away: events are missed")
}

func (g *Gateway) restored() {
	g.config.Logger.Info("attached again")
	g.sayAll("restored", "the node is back: events come again")
}

func (g *Gateway) sayAll(kind, text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams {
		s.say(kind, text)
	}
}
