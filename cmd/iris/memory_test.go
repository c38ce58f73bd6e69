package main

import "testing"

// A size is bytes, or has a unit, and is said as short as it can be.
func TestSizes(t *testing.T) {
	rows := []struct {
		text string
		want int64
		said string
	}{
		{"1", 1, "1"},
		{"1024", 1 << 10, "1KiB"},
		{"1536KiB", 1536 << 10, "1536KiB"},
		{"64MiB", 64 << 20, "64MiB"},
		{"4096MiB", 4 << 30, "4GiB"},
		{"0", 0, ""},
		{"-1", 0, ""},
		{"1MB", 0, ""},
		{"", 0, ""},
		{"MiB", 0, ""},
		{"9000000000GiB", 0, ""},
	}
	for _, row := range rows {
		var s byteSize
		if err := s.Set(row.text); (err != nil) != (row.want == 0) {
			t.Errorf("%q: %v", row.text, err)
		}
		if int64(s) != row.want || s.String() != row.said {
			t.Errorf("%q is %d, %q, want %d, %q", row.text, s, &s, row.want, row.said)
		}
	}
}

// The default is a quarter of what there is, and is 256 MiB where that leaves something.
func TestTheMemoryOfANodeFitsTheSystem(t *testing.T) {
	for system, want := range map[int64]int64{
		0: 256 << 20, 256 << 20: 192 << 20, 512 << 20: 256 << 20, 2 << 30: 512 << 20, 16 << 30: 4 << 30,
	} {
		if got := defaultMemory(system); got != want {
			t.Errorf("of %d bytes a node takes %d, want %d", system, got, want)
		}
	}
}

// A message is a quarter of the memory at most, or it could never be taken.
func TestTheLongestMessageFitsTheMemory(t *testing.T) {
	rows := []struct {
		memory, message byteSize
		want            int
	}{
		{256 << 20, 0, 64 << 20},
		{128 << 20, 0, 32 << 20},
		{1 << 30, 0, 64 << 20},
		{1 << 30, 1 << 20, 1 << 20},
		{31 << 20, 0, 0},
		{128 << 20, 33 << 20, 0},
		{1 << 30, 65 << 20, 0},
	}
	for _, row := range rows {
		f := nodeFlags{memory: row.memory, message: row.message}
		_, got, err := f.limits()
		if got != row.want || (err != nil) != (row.want == 0) {
			t.Errorf("-memory %v -max-message %v: %d, %v, want %d", &row.memory, &row.message, got, err, row.want)
		}
	}
}
