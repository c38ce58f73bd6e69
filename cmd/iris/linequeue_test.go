package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/logtest"
)

// paper is what a log goes to: its reader may hang, or a write may fail.
type paper struct {
	logtest.Journal
	mu   sync.Mutex
	gate chan struct{} // nil: writes do not wait
	err  error
	room int // bytes that are written before err
}

func (p *paper) Write(b []byte) (int, error) {
	if p.gate != nil {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		n := min(p.room, len(b))
		p.room -= n
		_, _ = p.Journal.Write(b[:n])
		return n, p.err
	}
	return p.Journal.Write(b)
}

func (p *paper) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// onPaper opens the log of a program, and returns it with that program.
func onPaper(t *testing.T, paper *paper) (log *slog.Logger, p *program) {
	t.Helper()
	p = &program{err: paper}
	log, err := p.openLog(&logFlags{level: "info", format: "text"}, new(slog.LevelVar))
	if err != nil {
		t.Fatal(err)
	}
	return log, p
}

// Who logs does not wait for who reads, what waits is bounded, and what was left out is counted and told.
func TestALogThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := &paper{gate: make(chan struct{})}
		log, p := onPaper(t, paper)
		defer p.lines.close()
		const size, lines = 10_000, 300
		for i := range lines {
			log.Info("line", "number", i, "text", strings.Repeat("x", size))
			synctest.Wait()
		}
		dropped := p.lines.Dropped()
		if least := uint64(lines - 2 - maxLines/size); dropped < least || dropped > lines/2+least {
			t.Fatalf("%d lines of %d were dropped", dropped, lines)
		}
		close(paper.gate)
		synctest.Wait()
		text := paper.String()
		if got := strings.Count(text, "msg=line"); got != lines-int(dropped) {
			t.Errorf("%d lines are written, %d were dropped", got, dropped)
		}
		if want := fmt.Sprintf(`missing=%d err="nothing is read`, dropped); strings.Count(text, want) != 1 {
			t.Errorf("it ends with %q, not %q", text[len(text)-300:], want)
		}
	})
}

func TestALogThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := &paper{}
		log, p := onPaper(t, paper)
		paper.fail(errors.New("the disk is full"))
		for range 3 {
			log.Info("lost")
			synctest.Wait()
		}
		paper.fail(nil)
		log.Info("found")
		p.lines.close()
		text := paper.String()
		if p.lines.Dropped() != 3 || strings.Contains(text, "msg=lost") || !strings.Contains(text, "msg=found") ||
			!strings.Contains(text, `missing=3 err="the disk is full"`) {
			t.Errorf("%d lines are dropped, and it says %s", p.lines.Dropped(), text)
		}
		log.Info("late")
		if p.lines.Dropped() != 4 {
			t.Error("a line after the end is not counted")
		}
	})
}

// A line that is written in part takes nothing of the next one.
func TestALineThatIsWrittenInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := &paper{room: 30, err: errors.New("the disk is full")}
		log, p := onPaper(t, paper)
		for range 2 {
			log.Info("lost")
			synctest.Wait()
		}
		paper.fail(nil)
		log.Info("found")
		p.lines.close()
		lines := strings.Split(strings.TrimSpace(paper.String()), "\n")
		if len(lines) != 3 || len(lines[0]) != 30 || !strings.HasPrefix(lines[1], "time=") || !strings.Contains(lines[2], "missing=2") {
			t.Errorf("it says %q", lines)
		}
	})
}

// The end of a program does not wait long for who reads its log.
func TestTheEndOfALogThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := &paper{gate: make(chan struct{})}
		log, p := onPaper(t, paper)
		log.Info("line")
		begin := time.Now()
		p.lines.close()
		if took := time.Since(begin); took != lastLines {
			t.Errorf("it takes %v", took)
		}
		close(paper.gate)
	})
}

// A program that fails says so in its log, and ends also where nobody reads that.
func TestAFailureThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := &paper{gate: make(chan struct{})}
		p := &program{err: paper}
		begin := time.Now()
		code := p.run(t.Context(), []string{"-dev", "-port", "70000"})
		if took := time.Since(begin); code != exitUsage || took != lastLines {
			t.Errorf("it ends with %d after %v", code, took)
		}
		close(paper.gate)
		synctest.Wait()
		if text := paper.String(); !strings.Contains(text, "-port 70000 is not between") {
			t.Errorf("it says %q", text)
		}
	})
}
