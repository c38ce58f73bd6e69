package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotateSaysWhereAHostStands(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, "old.pem"), filepath.Join(dir, "new.pem")
	for _, file := range []string{old, fresh} {
		if got := iris(t, "", "keygen", file); got.code != exitGood {
			t.Fatal(got.err)
		}
	}
	for step, settings := range [][]string{
		{"rsa = " + old},
		{"rsa = " + old, "accept = " + fresh},
		{"rsa = " + fresh, "accept = " + old},
		{"rsa = " + fresh},
	} {
		path := writeConfig(t, append(settings, "net = example")...)
		got := iris(t, "", "rotate", "-config", path, "-to", fresh)
		if got.code != exitGood || strings.Count(got.out, "  done\n") != step || strings.Count(got.out, "  to do\n") != 3-step {
			t.Errorf("step %d: %+v", step, got)
		}
		var r rotation
		got = iris(t, "", "rotate", "-config", path, "-to", fresh, "-json")
		if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Step != step || (r.Old == "") != (step == 3) || r.New == r.Old {
			t.Errorf("step %d: %v: %+v", step, err, got)
		}
	}
	for _, args := range [][]string{{}, {"-to", fresh}, {"-to", "none", "-net", "x", "-rsa", old}, {"-dev", "-to", fresh}} {
		if got := iris(t, "", append([]string{"rotate"}, args...)...); got.code == exitGood {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
