package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each command has a page that names all of its flags, and that man shows without warnings.
func TestManualPages(t *testing.T) {
	directory := t.TempDir()
	root := (&program{}).commands()
	if err := root.writePages(directory); err != nil {
		t.Fatal(err)
	}
	man, err := exec.LookPath("man")
	if err != nil {
		t.Log("this host has no man: pages are not rendered")
	}
	var look func(c *command)
	look = func(c *command) {
		file := filepath.Join(directory, c.page()+".1")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown := string(text)
		if man != "" {
			shown = render(t, man, file)
		}
		c.FlagSet.VisitAll(func(f *flag.Flag) {
			if !strings.Contains(shown, variable(f.Name)) {
				t.Errorf("the page of %s does not show -%s:\n%s", c.title(), f.Name, shown)
			}
		})
		for _, sub := range c.Subcommands {
			look(sub)
		}
	}
	look(root)
}

// render returns what man shows of a page.
func render(t *testing.T, man, file string) string {
	t.Helper()
	c := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", file)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=100", "MANROFFOPT=", "PAGER=cat", "MANPAGER=cat")
	var warnings strings.Builder
	c.Stderr = &warnings
	out, err := c.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("man says of %s: %v %s", filepath.Base(file), err, warnings.String())
	}
	return string(out)
}

func TestLinesAreNoRequests(t *testing.T) {
	for text, want := range map[string]string{
		".TH x":    `\&.TH x`,
		"  'a":     `\(aqa`,
		`a\fB -5~`: `a\efB \-5\(ti`,
	} {
		if got := line(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
