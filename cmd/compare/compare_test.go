package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tr := &trial{
		systems: []system{{name: "A"}, {name: "B"}},
		figures: []figure{
			{name: "speed", unit: perSecond, aims: map[string]float64{"B": 1.3}},
			{name: "time", unit: microseconds, lower: true, aims: map[string]float64{"B": 0.9}},
		},
	}
	var tb table
	tb.add(tr, []sample{
		{{1000, 10}, {2000, 20}, {4000, 40}},
		{{2000, 5}, {2000, 10}, {5000, 80}},
	})
	got := tb.markdown("machine", options{rounds: 3}, 0)
	want := `| | A | B | to A |
| --- | --- | --- | --- |
| speed | 2,000/s | 2,000/s | 1.25 (1.00–2.00), **misses** ≥ 1.3 |
| time | 20 µs | 10 µs | 0.50 (0.50–2.00), aim ≤ 0.9 |
`
	if !strings.HasSuffix(strings.ReplaceAll(got, "|  |", "| |"), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	for _, row := range []struct{ page, want string }{
		{"a\n" + beginMark + "old\n" + endMark + "b\n", "a\n" + beginMark + "\nnew\n\n" + endMark + "b\n"},
		{"a\n" + endMark + beginMark, ""},
		{"", ""},
	} {
		if err := os.WriteFile(file, []byte(row.page), 0o600); err != nil {
			t.Fatal(err)
		}
		err := replace(file, "new\n")
		got, _ := os.ReadFile(file)
		if row.want == "" && (err == nil || string(got) != row.page) || row.want != "" && string(got) != row.want {
			t.Errorf("%q became %q, %v", row.page, got, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(row.values); got != row.want {
			t.Errorf("the median of %v is %v, want %v", row.values, got, row.want)
		}
	}
}
