package trace_test

import (
	"encoding/json"
	"testing"

	"github.com/project-iris/iris/node/trace"
	"github.com/project-iris/iris/overlay"
)

// A question of another node is answered by nothing, or by JSON.
func FuzzAnswer(f *testing.F) {
	for _, asked := range []string{
		"", "arm", "arm/0000000000000001/1/1/1000", "arm/0000000000000001/a/1/1000/name", "arm/0000000000000001/1/1/99999999999/name",
		"stop/0000000000000001", "arm/+000000000000001/1/1/1/n/m", "arm/0000000000000001/1/1/1000/n", "arm/0000000000000001/1/1/-5/n",
		"start/0000000000000001", "get/0000000000000001", "end/0000000000000001",
	} {
		f.Add(asked)
	}
	o := overlay.New(overlay.Config{})
	f.Cleanup(o.Close)
	f.Fuzz(func(t *testing.T, asked string) {
		answer, mine := trace.Answer(o, "/v1/trace/"+asked)
		if !mine || answer != nil && !json.Valid(answer) {
			t.Errorf("%v: %q", mine, answer)
		}
	})
}
