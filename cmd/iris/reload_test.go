package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAllIsReloadedOrNothing(t *testing.T) {
	var wrong error
	var applied []string
	one := func(name string, fails bool) reloadable {
		return reloadable{name, func() (func(), error) {
			if fails && wrong != nil {
				return nil, wrong
			}
			return func() { applied = append(applied, name) }, nil
		}}
	}
	l := reloadables{one("a", false), one("b", true), one("c", false)}
	var log bytes.Buffer
	reload := func() string {
		log.Reset()
		hangups := make(chan os.Signal, 1)
		hangups <- syscall.SIGHUP
		close(hangups)
		l.follow(hangups, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	wrong = errors.New("unreadable")
	if said := reload(); len(applied) != 0 || !strings.Contains(said, "nothing was reloaded") || !strings.Contains(said, "b: unreadable") {
		t.Errorf("applied %v, said %s", applied, said)
	}
	wrong = nil
	if said := reload(); strings.Join(applied, "") != "abc" || strings.Count(said, "msg=reloaded") != 3 {
		t.Errorf("applied %v, said %s", applied, said)
	}
}
