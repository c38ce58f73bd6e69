package report

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	beginMark, endMark := marks("some")
	for _, row := range []struct{ page, want string }{
		{"a\n" + beginMark + "old\n" + endMark + "b\n", "a\n" + beginMark + "\nnew\n\n" + endMark + "b\n"},
		{"a\n" + endMark + beginMark, ""},
		{"", ""},
	} {
		if err := os.WriteFile(file, []byte(row.page), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Replace(file, "some", "new\n")
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
		if got := Median(row.values); got != row.want {
			t.Errorf("the median of %v is %v, want %v", row.values, got, row.want)
		}
	}
}

// The median is that of the ratios, and not the ratio of the medians, which is 1 here.
func TestRatios(t *testing.T) {
	r := NewRatios([]float64{10, 40, 20}, []float64{20, 10, 40})
	if got, want := r.String(), "0.50 (0.50–4.00)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestThousands(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12: "12", 999.6: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := Thousands(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int]string{0: "0 B", 128: "128 B", 1024: "1 KiB", 1025: "1025 B", 65536: "64 KiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}
