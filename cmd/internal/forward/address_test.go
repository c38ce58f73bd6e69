package forward

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, row := range []struct{ text, network, address, target string }{
		{"5432", "tcp", "127.0.0.1:5432", "127.0.0.1:5432"},
		{":5432", "tcp", ":5432", "127.0.0.1:5432"},
		{"db.example:5432", "tcp", "db.example:5432", "db.example:5432"},
		{"[::1]:5432", "tcp", "[::1]:5432", "[::1]:5432"},
		{"unix:db", "unix", "db", "db"},
		{"/run/db", "unix", "/run/db", "/run/db"},
		{"./db:1", "unix", "./db:1", "./db:1"},
		{"unix:/run/db", "unix", "/run/db", "/run/db"},
	} {
		a, err := Parse(row.text)
		if err != nil || a != (Address{row.network, row.address}) || a.target().Text != row.target {
			t.Errorf("%q is %+v, %+v as a target, %v", row.text, a, a.target(), err)
		}
	}
	for _, text := range []string{"", "db", "db:", "db:http", "1:2:3", "65536", "-1", "+80", "0x50", "unix:"} {
		if a, err := Parse(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is %+v, %v", text, a, err)
		}
	}
}
