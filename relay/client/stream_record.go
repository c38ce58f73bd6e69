package client

import (
	"fmt"
	"net"
	"strings"
	"unicode/utf8"
)

// What streams say in their tunnels; the package comment specifies it.
const (
	streamMagic   = "\x00iris stream"
	streamVersion = 1

	roleOpened   = 'o' // of the side that opened the tunnel
	roleAccepted = 'a' // of the side that accepted it

	recordData  = 1 // and bytes, at least one
	recordEnd   = 2 // and nothing
	recordReset = 3 // and the reason: UTF-8, may be empty
)

const (
	// maxRecord is the longest record in bytes, its kind included. It is the largest
	// chunk that is sent, so a record is one chunk, which is sent whole or not at all.
	maxRecord = maxChunk
	// maxReason is the longest reason of a reset, in bytes.
	maxReason = 255
	// maxSource is the longest source in a first message, in bytes.
	maxSource = 255
	// maxFirst is the longest first message, in bytes.
	maxFirst = len(streamMagic) + 2 + maxSource
	// recordReserve is the allowance that data leaves over: an end of writing and a reset.
	// So neither has to wait for a receiver that takes nothing.
	recordReserve = 1 + 1 + maxReason
	// minStreamChunk is the least chunk limit that streams work with, in bytes.
	minStreamChunk = 512
)

// firstMessage is the first message of the side that has a role. The one that opens the
// tunnel may have a source.
func firstMessage(role byte, source string) []byte {
	return append(append([]byte(streamMagic), streamVersion, role), source...)
}

// sourceText is an address as a first message has it.
func sourceText(source net.Addr) string {
	if source == nil {
		return ""
	}
	if text := source.String(); len(text) <= maxSource && utf8.ValidString(text) {
		return text
	}
	return ""
}

// checkFirst returns the source in the first message of the side that has a role, or says
// what is wrong with it.
func checkFirst(m []byte, role byte) (source string, err error) {
	rest, ours := strings.CutPrefix(string(m[:min(len(m), maxFirst+1)]), streamMagic)
	if !ours {
		if kind, reason, fault := parseRecord(m); fault == "" && kind == recordReset {
			return "", &ResetError{Reason: string(reason)}
		}
		return "", &StreamError{Reason: "the first message is none of a stream: it may be a plain one"}
	}
	switch {
	case rest == "":
		return "", &StreamError{Reason: "the first message has no version"}
	case rest[0] != streamVersion:
		return "", &StreamError{Reason: fmt.Sprintf("version %d of streams, where version %d is spoken", rest[0], streamVersion)}
	case len(rest) < 2, len(m) > maxFirst:
		return "", &StreamError{Reason: fmt.Sprintf("the first message has %d bytes", len(m))}
	case rest[1] != role:
		return "", &StreamError{Reason: "the first message is that of the other role: it may have been sent back"}
	}
	source = rest[2:]
	if role == roleAccepted && source != "" || !utf8.ValidString(source) {
		return "", &StreamError{Reason: "the first message has a source that is none"}
	}
	return source, nil
}

// parseRecord takes a record apart, or says what is wrong with it.
func parseRecord(m []byte) (kind byte, body []byte, fault string) {
	kind, body = m[0], m[1:] // no message of a tunnel is empty
	switch {
	case kind < recordData || kind > recordReset:
		fault = fmt.Sprintf("record of unknown kind %d", kind)
	case len(m) > maxRecord:
		fault = fmt.Sprintf("record of %d bytes, at most %d are allowed", len(m), maxRecord)
	case kind == recordData && len(body) == 0:
		fault = "record without data"
	case kind == recordEnd && len(body) > 0:
		fault = "end of writing with data"
	case kind == recordReset && (len(body) > maxReason || !utf8.Valid(body)):
		fault = fmt.Sprintf("reset whose reason is not UTF-8 of at most %d bytes", maxReason)
	}
	return kind, body, fault
}

// resetRecord is a reset. Of a reason that is too long it has the beginning.
func resetRecord(reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	return append([]byte{recordReset}, strings.ToValidUTF8(reason, "")...)
}
