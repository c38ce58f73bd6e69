package gateway

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// appendEvent adds an event in the form of server-sent events. What is text stays so: an
// event "message" with a line of data for each of its lines. All else, and all if that is
// asked for, is an event "base64", with the bytes in the base64 of RFC 4648, padded. Text is
// UTF-8 without carriage returns, which readers would take for line ends, and without
// zeros.
func appendEvent(b, event []byte, binary bool) []byte {
	if binary || !utf8.Valid(event) || bytes.ContainsAny(event, "\r\x00") {
		b = append(b, "event: base64\ndata: "...)
		b = base64.StdEncoding.AppendEncode(b, event)
		return append(b, "\n\n"...)
	}
	for line := range bytes.SplitSeq(event, []byte("\n")) {
		b = append(b, "data: "...)
		b = append(b, line...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}
