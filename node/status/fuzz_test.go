package status

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParse: whatever another node says of itself, its texts are harmless, its lists are bounded,
// and to clean them once more changes nothing.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{}`))
	whole, err := json.Marshal(new(Node))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Parse(b)
		if err != nil {
			return
		}
		once, err := json.Marshal(n)
		if err != nil {
			return // a time that JSON cannot have
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%q is read as %s, which is not read: %v", b, once, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(once) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}

// FuzzParseServed is FuzzParse for what a node says of its members of a cluster.
func FuzzParseServed(f *testing.F) {
	f.Add([]byte(`{"draining":true,"members":[{"application":"\u001b[31m","in_hand":1,"left":true}],"waiting":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseServed(b)
		if err != nil {
			return
		}
		once, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseServed(once)
		if err != nil {
			t.Fatalf("%q is read as %s, which is not read: %v", b, once, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(once) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}

// refuzz reads what was read once more, which changes nothing.
func refuzz[T any](f *testing.F, parse func(b []byte) (T, error)) {
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		if err != nil {
			return
		}
		once, err := json.Marshal(s)
		if err != nil {
			return // a time that JSON cannot have
		}
		again, err := parse(once)
		if err != nil {
			t.Fatalf("%q is read as %s, which is not read: %v", b, once, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(once) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}

// FuzzParseTraceRecords is FuzzParse for what a node has recorded of requests.
func FuzzParseTraceRecords(f *testing.F) {
	f.Add([]byte(`[{"trace_id":"\u001b","served":true,"began":"2026-11-28T12:00:00Z","marks":[{"step":"read","after_seconds":1e300},{"after_seconds":-1}]}]`))
	refuzz(f, ParseTraceRecords)
}

// FuzzParseArmed is FuzzParse for what a node says that was told to trace.
func FuzzParseArmed(f *testing.F) {
	f.Add([]byte(`{"refused":"\u001b[31m"}`))
	f.Add([]byte(`{"refused":"` + strings.Repeat("\x8c", 1000) + "\u007f" + strings.Repeat("\x8c", 1000) + `"}`)) // escaped, and cut
	refuzz(f, ParseArmed)
}
