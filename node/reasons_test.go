package node

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
)

// noReasons are the counts of parts that are of something else than drops.
var noReasons = []string{
	"Relay.Attached", "Overlay.Done", "Sealed.Sealed", "Sealed.Opened", "Sealed.OtherSecret", "Sealed.Senders", "Sealed.Evicted",
	"Packets.Sent", "Packets.Received",
}

// The list of reasons has each count of a part of something that was dropped, refused or ended,
// once, and nothing else.
func TestTheListOfReasonsIsComplete(t *testing.T) {
	var c counted
	marks := make(map[uint64]string)
	mark := uint64(1000)
	value := reflect.ValueOf(&c).Elem()
	for i := range value.NumField() {
		part, name := value.Field(i), value.Type().Field(i).Name
		if part.Kind() == reflect.Uint64 {
			mark++
			part.SetUint(mark)
			marks[mark] = name
		}
		if part.Kind() != reflect.Struct {
			continue
		}
		for j := range part.NumField() {
			field := name + "." + part.Type().Field(j).Name
			if slices.Contains(noReasons, field) {
				continue
			}
			mark++
			part.Field(j).SetUint(mark)
			marks[mark] = field
		}
	}
	c.Directory = make(map[string]uint64)
	for _, why := range overlay.DirectoryReasons() {
		mark++
		c.Directory[why], marks[mark] = mark, "Directory."+why
	}
	got := c.reasons()
	for reason, n := range got {
		if marks[n] == "" {
			t.Errorf("%s is %d, which is the count of nothing, or of two", reason, n)
		}
		delete(marks, n)
	}
	for _, field := range marks {
		t.Errorf("%s has no reason: add one to package status, and to counted.reasons", field)
	}
	var listed []status.Reason
	for _, r := range status.Reasons {
		listed = append(listed, r.Reason)
	}
	if all := slices.Sorted(maps.Keys(got)); !slices.Equal(all, slices.Sorted(slices.Values(listed))) {
		t.Errorf("counted are\n%v\nand listed\n%v", all, listed)
	}
}
