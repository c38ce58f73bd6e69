// Package wiretest reads and writes conversations between two nodes as text: what one
// says to the other, a line each, as bytes and as what they mean.
//
// A line has four fields, which tabs separate: who says it, a or b; the stream, which
// begins with the number of the link; what it means; the bytes in hexadecimal. Lines that
// begin with == are the heads of steps, and those that begin with # are remarks. The
// meaning begins with one of
//
//	HELLO    the exchange of package hello, with the versions that the node speaks
//	OPEN     the first byte of a stream, with what the stream is for
//	VERDICT  the answer to a TUNNEL
//	BYTES    what is said in a tunnel, quoted
//
// or with the name of a frame's type, which the fields of the message follow.
package wiretest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/project-iris/iris/overlay/wire"
)

// Step is a part of a conversation.
type Step struct {
	Name  string
	Lines []Line
}

// Line is something that a node says.
type Line struct {
	From    string // a or b
	Stream  string
	Meaning string
	Bytes   []byte
}

// Word returns the first word of the meaning.
func (l Line) Word() string {
	word, _, _ := strings.Cut(l.Meaning, " ")
	return word
}

// IsFrame reports whether the bytes are a frame of package wire.
func (l Line) IsFrame() bool {
	switch l.Word() {
	case "HELLO", "OPEN", "VERDICT", "BYTES":
		return false
	}
	return true
}

// Format returns the text of a conversation.
func Format(steps []Step) string {
	var text strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&text, "\n== %s\n", s.Name)
		for _, l := range s.Lines {
			fmt.Fprintf(&text, "%s\t%s\t%s\t%x\n", l.From, l.Stream, l.Meaning, l.Bytes)
		}
	}
	return text.String()
}

// Parse reads the text of a conversation.
func Parse(text string) ([]Step, error) {
	var steps []Step
	for number, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, head := strings.CutPrefix(line, "== "); head {
			steps = append(steps, Step{Name: name})
			continue
		}
		l, err := parseLine(line)
		if err != nil || len(steps) == 0 {
			return nil, fmt.Errorf("line %d of a conversation cannot be read: %q: %w", number+1, line, err)
		}
		last := &steps[len(steps)-1]
		last.Lines = append(last.Lines, l)
	}
	return steps, nil
}

var errFields = errors.New("a line has four fields")

func parseLine(line string) (Line, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 4 {
		return Line{}, errFields
	}
	b, err := hex.DecodeString(fields[3])
	return Line{From: fields[0], Stream: fields[1], Meaning: fields[2], Bytes: b}, err
}

// Decode reads the one message of a frame. It fails if anything follows it.
func Decode(frame []byte) (wire.Message, error) {
	src := bytes.NewReader(frame)
	m, err := wire.NewReader(src, wire.Limits{}).Read()
	if err != nil {
		return nil, err
	}
	if size := m.Size(); size != len(frame) || src.Len() > 0 {
		return m, fmt.Errorf("a frame of %d bytes was read as one of %d: %w", len(frame), size, io.ErrShortBuffer)
	}
	return m, nil
}

// Meaning returns the type of a message and its fields, but for those that are zero or empty.
func Meaning(m wire.Message) string {
	return m.Type().String() + fields(reflect.ValueOf(m).Elem())
}

func fields(message reflect.Value) string {
	var text strings.Builder
	for i := range message.NumField() {
		if v := message.Field(i); !v.IsZero() && (v.Kind() != reflect.Slice || v.Len() > 0) {
			fmt.Fprintf(&text, " %s=%s", strings.ToLower(message.Type().Field(i).Name), value(v))
		}
	}
	return text.String()
}

func elements(v reflect.Value) iter.Seq[byte] {
	return func(yield func(byte) bool) {
		for i := range v.Len() {
			if !yield(byte(v.Index(i).Uint())) {
				return
			}
		}
	}
}

func value(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Struct:
		return "{" + strings.TrimSpace(fields(v)) + "}"
	case v.Kind() == reflect.Array: // an id or a name, of which %x would take the String
		return fmt.Sprintf("%x", slices.Collect(elements(v)))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return fmt.Sprintf("%q", v.Bytes())
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = value(v.Index(i))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
