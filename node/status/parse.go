package status

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/project-iris/iris/transport"
)

// maxList is how many elements of a list another node may have, and maxText how many bytes of a
// text, before the rest is cut off.
const (
	maxList = 1000
	maxText = 4096
)

// Parse reads the tree of another node, which may lie. What is in it is as [Text] would have
// it, and bounded, whatever the node has sent.
func Parse(b []byte) (*Node, error) {
	var n Node
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("the answer is no status: %w", err)
	}
	clean(reflect.ValueOf(&n).Elem())
	return &n, nil
}

// clean makes all texts below a value harmless.
func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(cleanText(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				clean(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Len() > maxList {
			v.Set(v.Slice(0, maxList))
		}
		for i := range v.Len() {
			clean(v.Index(i))
		}
	case reflect.Map:
		cleanReasons(v)
	}
}

// cleanReasons leaves those reasons in a map that this node knows: others could be any text.
func cleanReasons(v reflect.Value) {
	reasons, ok := v.Interface().(map[Reason]uint64)
	if !ok {
		return
	}
	for reason := range reasons {
		if !known[reason] {
			delete(reasons, reason)
		}
	}
}

var known = func() map[Reason]bool {
	all := make(map[Reason]bool)
	for _, r := range Reasons {
		all[r.Reason] = true
	}
	return all
}()

// cleanText escapes a text unless that was done, and bounds it, before and after.
func cleanText(s string) string {
	s = transport.CutText(s, maxText)
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return transport.CutText(Text(s), maxText)
		}
	}
	return s
}

// ParseServed reads what another node says of its members of a cluster, as [Parse] does.
func ParseServed(b []byte) (*Served, error) {
	var s Served
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("the answer is none about a cluster: %w", err)
	}
	clean(reflect.ValueOf(&s).Elem())
	return &s, nil
}
