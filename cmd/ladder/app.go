package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"
)

// exchange asks once, and returns the reply, which is valid until the next call.
type exchange func(body []byte) (reply []byte, err error)

// What the asker says: that it has warmed up, and what it has measured. In between, before it
// measures, and after, it does nothing, so that all that processes take between two looks at
// them belongs to its requests.
const (
	warmLine   = "warm\n"
	resultLine = "result %s\n"
)

const (
	warmup = 500 * time.Millisecond // of requests that are not measured
	still  = 100 * time.Millisecond // in which nothing is asked
)

// trips are the round trips that an asker has measured.
type trips struct {
	Number   int
	P50, P99 time.Duration
}

var errOtherReply = errors.New("the reply is another than the request")

// ask is the application that asks.
func (p part) ask(ctx context.Context) error {
	once, err := p.attach(ctx)
	if err != nil {
		return err
	}
	if _, err := p.repeat(once, warmup); err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, warmLine)
	time.Sleep(still)
	took, err := p.repeat(once, p.Duration)
	if err != nil {
		return err
	}
	text, err := json.Marshal(summary(took))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, resultLine, text)
	<-ctx.Done()
	return nil
}

// repeat asks for a time, one request after the other, and returns how long each took.
func (p part) repeat(once exchange, duration time.Duration) (took []time.Duration, err error) {
	body := make([]byte, p.Size)
	for i := range body {
		body[i] = byte(i)
	}
	began := time.Now()
	for before := began; before.Sub(began) < duration; {
		reply, err := once(body)
		now := time.Now()
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(reply, body) {
			return nil, errOtherReply
		}
		took = append(took, now.Sub(before))
		before = now
	}
	return took, nil
}

// summary sorts round trips, of which there is one at least, and returns their percentiles.
func summary(took []time.Duration) trips {
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100] }
	return trips{Number: len(took), P50: at(50), P99: at(99)}
}

// attach attaches the application that asks.
func (p part) attach(ctx context.Context) (exchange, error) {
	switch p.Layer {
	case relaying:
		return askRelay(p.Node)
	case binding:
		return askBinding(ctx, p.Node)
	}
	c, err := net.Dial("tcp", p.Node)
	if err != nil {
		return nil, err
	}
	if p.Layer == plain {
		return askBytes(c), nil
	}
	return askFrames(c), nil
}

// echo is the application that answers.
func (p part) echo(ctx context.Context) error {
	switch p.Layer {
	case relaying:
		return echoRelay(p.Node)
	case binding:
		return echoBinding(ctx, p.Node)
	}
	c, err := net.Dial("tcp", p.Node)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, attachedLine)
	if p.Layer == plain {
		return pumpBytes(c, c)
	}
	return pumpFrames(c, c)
}

// attachedLine is what the application says that answers, when it can be asked.
const attachedLine = "attached\n"

// askBytes asks without any framing.
func askBytes(c io.ReadWriter) exchange {
	var reply []byte
	return func(body []byte) ([]byte, error) {
		if _, err := c.Write(body); err != nil {
			return nil, err
		}
		reply = slices.Grow(reply[:0], len(body))[:len(body)]
		_, err := io.ReadFull(c, reply)
		return reply, err
	}
}

// askFrames asks with frames.
func askFrames(c io.ReadWriter) exchange {
	r := newFrameReader(c)
	var id uint64
	var frame []byte
	return func(body []byte) ([]byte, error) {
		id++
		frame = appendFrame(frame[:0], id, body)
		if _, err := c.Write(frame); err != nil {
			return nil, err
		}
		got, reply, err := r.next()
		if err == nil && got != id {
			err = errOtherReply
		}
		return reply, err
	}
}
