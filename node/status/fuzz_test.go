package status

import (
	"encoding/json"
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
