package transport_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/project-iris/iris/transport"
)

// TestErrorsAreTold apart: each type matches its own class and no other.
func TestErrorsAreToldApart(t *testing.T) {
	classes := []error{
		transport.ErrClosed, transport.ErrPeerClosed, transport.ErrNetwork, transport.ErrProtocol,
		transport.ErrRefused, transport.ErrWrongPeer, transport.ErrVersion, transport.ErrDatagramTooLarge,
	}
	rows := []struct {
		err   error
		class error
		cause error // to be found inside
	}{
		{transport.ClosedByUs(nil), transport.ErrClosed, nil},
		{transport.ClosedByUs(io.ErrNoProgress), transport.ErrClosed, io.ErrNoProgress},
		{&transport.ClosedError{Code: 7, Reason: "bye"}, transport.ErrPeerClosed, nil},
		{&transport.NetworkError{Op: "dial", Addr: "a", Silent: true}, transport.ErrNetwork, nil},
		{&transport.NetworkError{Op: "link", Err: io.ErrUnexpectedEOF}, transport.ErrNetwork, io.ErrUnexpectedEOF},
		{&transport.ProtocolError{Err: io.ErrShortBuffer}, transport.ErrProtocol, io.ErrShortBuffer},
		{&transport.RefusedError{Err: transport.ErrSelf}, transport.ErrRefused, transport.ErrSelf},
		{&transport.WrongPeerError{}, transport.ErrWrongPeer, nil},
		{&transport.VersionError{}, transport.ErrVersion, nil},
		{&transport.DatagramTooLargeError{Size: 2, Limit: 1}, transport.ErrDatagramTooLarge, nil},
	}
	for _, row := range rows {
		wrapped := fmt.Errorf("while testing: %w", row.err)
		for _, class := range classes {
			if errors.Is(wrapped, class) != (class == row.class) {
				t.Errorf("%v: matches %v: %v", row.err, class, errors.Is(wrapped, class))
			}
		}
		if row.cause != nil && !errors.Is(wrapped, row.cause) {
			t.Errorf("%v: its cause %v is lost", row.err, row.cause)
		}
		if row.err.Error() == "" {
			t.Errorf("%T says nothing", row.err)
		}
	}
}

func TestFarewells(t *testing.T) {
	long := strings.Repeat("ä", transport.MaxReason)
	chosen := &transport.ClosedError{Code: 9, Reason: "nine"}
	rows := []struct {
		cause error
		want  transport.ClosedError
	}{
		{nil, transport.ClosedError{}},
		{io.EOF, transport.ClosedError{Code: transport.CodeInternal, Reason: "EOF"}},
		{chosen, *chosen},
		{fmt.Errorf("wrapped: %w", chosen), *chosen},
		{&transport.VersionError{Theirs: transport.Versions{Oldest: 1, Newest: 2}, Ours: transport.Versions{Oldest: 3, Newest: 3}}, transport.ClosedError{
			Code:   transport.CodeVersion,
			Reason: "the other node speaks version 3 of the protocol between nodes, this node versions 1 to 2: upgrade this node",
		}},
		{errors.New(long), transport.ClosedError{Code: transport.CodeInternal, Reason: long[:transport.MaxReason]}},
		{errors.New("x" + long), transport.ClosedError{Code: transport.CodeInternal, Reason: "x" + long[:transport.MaxReason-2]}},
	}
	for _, row := range rows {
		got := transport.FarewellOf(row.cause)
		if got != row.want || len(got.Reason) > transport.MaxReason || !utf8.ValidString(got.Reason) {
			t.Errorf("%v: %+v, want %+v", row.cause, got, row.want)
		}
	}
}

func TestStreamErrorsMatchByContent(t *testing.T) {
	err := fmt.Errorf("read: %w", &transport.StreamError{Code: 5, Remote: true})
	if !errors.Is(err, &transport.StreamError{Code: 5, Remote: true}) {
		t.Error("an equal one does not match")
	}
	for _, other := range []*transport.StreamError{{Code: 5}, {Code: 6, Remote: true}} {
		if errors.Is(err, other) {
			t.Errorf("matches %v", other)
		}
	}
}
