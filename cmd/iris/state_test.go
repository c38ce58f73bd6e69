package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A node keeps what tells its host from others in its state directory.
func TestTheStateDirectoryHasTheSecretOfTheHost(t *testing.T) {
	state := t.TempDir()
	var kept []string
	for range 2 {
		n, _, _ := startAdmin(t, append(newKey(t, "example"), "-state", state)...)
		text, err := os.ReadFile(filepath.Join(state, "reset"))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(text))
		n.signals <- os.Interrupt
		n.wait()
	}
	if kept[0] != kept[1] || len(kept[0]) != 65 {
		t.Errorf("kept %q", kept)
	}
}
