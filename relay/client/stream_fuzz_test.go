package client

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// FuzzRecord: what is no record has a fault, and what passes is within what streams say.
func FuzzRecord(f *testing.F) {
	for _, m := range [][]byte{
		{recordData, 'x'},
		{recordEnd},
		resetRecord("it broke"),
		{0},
		append([]byte(streamMagic), streamVersion, roleOpened), append([]byte(streamMagic), streamVersion, roleAccepted),
		append([]byte(streamMagic), "\x01o192.0.2.7:49152"...),
	} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) == 0 {
			return // no message of a tunnel is empty
		}
		kind, body, fault := parseRecord(m)
		if fault == "" && (!bytes.Equal(append([]byte{kind}, body...), m) || len(m) > maxRecord || kind == recordReset && !utf8.Valid(body)) {
			t.Errorf("%q passed as a record", m)
		}
		for _, role := range []byte{roleOpened, roleAccepted} {
			source, err := checkFirst(m, role)
			if err == nil && (!utf8.ValidString(source) || len(source) > maxSource || !bytes.HasPrefix(m, []byte(streamMagic))) {
				t.Errorf("%q passed as a first message", m)
			}
		}
	})
}
