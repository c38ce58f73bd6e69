package transport

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ClosedByUs is the cause of a link that this side closes with Link.Close or
// Transport.Close: an ErrClosed that wraps the cause, if there is one. It is
// for authors of transports.
func ClosedByUs(cause error) error {
	if cause == nil {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, cause)
}

// FarewellOf is what the peer is told when a link is closed for the cause, by
// the rules of Link.Close, the reason already cut to MaxReason bytes. It is for
// authors of transports.
func FarewellOf(cause error) ClosedError {
	if cause == nil {
		return ClosedError{Code: CodeNone}
	}
	farewell := ClosedError{Code: CodeInternal, Reason: cause.Error()}
	if chosen, ok := errors.AsType[*ClosedError](cause); ok {
		farewell = *chosen
	} else if versions, ok := errors.AsType[*VersionError](cause); ok {
		farewell = versions.farewell()
	}
	farewell.Reason = CutReason(farewell.Reason)
	return farewell
}

// CutReason cuts a reason to MaxReason bytes, not within a character.
func CutReason(reason string) string { return CutText(reason, MaxReason) }

// CutText cuts a text to so many bytes, not within a character.
func CutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
