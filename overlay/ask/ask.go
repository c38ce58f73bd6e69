// Package ask lets a node ask another one a question over a stream of a link of its own, so that
// whoever answers slowly, or with garbage, holds up nobody else.
//
// Who asks opens the stream and writes
//
//	length:byte question
//
// and ends its direction. Who is asked writes the answer, whose form depends on the question,
// and ends the other one. A stream that is reset is no answer: the node has been asked too
// much, or does not know the question, as one of an older version.
package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// MaxQuestion is how long a question can be, in bytes.
	MaxQuestion = 255
	// readTimeout is how long whoever asks may take to say what, and writeTimeout how long to
	// read the answer.
	readTimeout  = time.Second
	writeTimeout = 2 * time.Second
)

var (
	// ErrUnknown says that the other node does not answer such questions.
	ErrUnknown = errors.New("the node does not answer: it has an older version, or is asked too much")
	// ErrTooLong says that an answer is longer than it may be.
	ErrTooLong = errors.New("the answer is too long")
)

// Ask asks a question, and returns the answer of so many bytes at most. The stream is reset.
func Ask(ctx context.Context, s transport.Stream, question string, most int) ([]byte, error) {
	defer s.Reset(transport.CodeNone)
	stop := context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := exchange(s, question, most)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if _, reset := errors.AsType[*transport.StreamError](err); reset {
		return nil, ErrUnknown
	}
	return answer, err
}

func exchange(s transport.Stream, question string, most int) ([]byte, error) {
	if len(question) > MaxQuestion {
		return nil, fmt.Errorf("ask: a question of %d bytes", len(question))
	}
	if _, err := s.Write(append([]byte{byte(len(question))}, question...)); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(s, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > most:
		return nil, ErrTooLong
	}
	return answer, nil
}

// Answer reads a question and answers it, nil being no answer. It returns within a few seconds,
// and the stream is reset then.
func Answer(s transport.Stream, answer func(question string) []byte) error {
	defer s.Reset(transport.CodeBusy)
	_ = s.SetReadDeadline(time.Now().Add(readTimeout))
	var length [1]byte
	if _, err := io.ReadFull(s, length[:]); err != nil {
		return err
	}
	question := make([]byte, length[0])
	if _, err := io.ReadFull(s, question); err != nil {
		return err
	}
	b := answer(string(question))
	if b == nil {
		return ErrUnknown
	}
	_ = s.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.Write(b); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	// The reset must not overtake what was written: whoever asks has read it when he ends the stream.
	_ = s.SetReadDeadline(time.Now().Add(writeTimeout))
	_, _ = s.Read(length[:])
	return nil
}
