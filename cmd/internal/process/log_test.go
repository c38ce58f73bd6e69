package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	var got []string
	readLines(strings.NewReader("one\n\n"+long+"\ntwo\r\nrest"), func(line string) { got = append(got, line) })
	if want := []string{"one", "", long[:maxLine], "two", "rest"}; !slices.Equal(got, want) {
		t.Errorf("got %.60q, want %.60q", got, want)
	}
}

// The last lines are kept, and each is returned once.
func TestLogKeepsTheLastLines(t *testing.T) {
	l := newLog()
	if l.tail() != "" || l.waiting() {
		t.Error("an empty log has lines")
	}
	l.add("line 0")
	if line, ok, _ := l.next(); line != "line 0" || !ok {
		t.Errorf("got %q, %v", line, ok)
	}
	_, ok, news := l.next()
	if ok {
		t.Error("a line comes twice")
	}
	for i := range maxLines + 10 {
		l.add(fmt.Sprint("line ", i+1))
	}
	<-news
	for i := range maxLines {
		if line, _, _ := l.next(); line != fmt.Sprint("line ", i+11) {
			t.Fatalf("got %q as line %d of what is kept", line, i)
		}
	}
	if l.waiting() {
		t.Error("there are more lines than are kept")
	}
	if tail := strings.Split(l.tail(), "\n"); len(tail) != maxTail || tail[maxTail-1] != fmt.Sprint("line ", maxLines+10) {
		t.Errorf("the tail is %q", tail)
	}
}
