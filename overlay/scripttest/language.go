package scripttest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into the scripts of testdata")

// indent begins the lines that say what happens.
const indent = "    "

// Stage is what a script is played on.
type Stage interface {
	// Now returns the time of the story.
	Now() time.Time
	// Settle is called after each command. It lets happen what follows from the command at
	// the same time, and may check what has to hold between commands.
	Settle()
}

// Language is what the scripts of a package can say.
type Language[S Stage] struct {
	// Begin returns the stage of a new story, which tells the log what happens on it.
	Begin func(t testing.TB, log *Log) S
	// Commands do what a line says that begins with their name. Each takes all of the words
	// behind it, and panics with [Misuse] if it cannot understand them.
	Commands map[string]func(stage S, words *Words)
}

// Test plays the scripts in testdata, each as a test of its own, and fails for each in which
// something else happens than it says. With the flag -rewrite it changes the script instead.
func (l Language[S]) Test(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { l.testFile(t, file) })
	}
}

func (l Language[S]) testFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	if !strings.HasPrefix(want, "# ") {
		t.Errorf("%s does not begin with what it shows", file)
	}
	got, err := l.Play(t, want)
	if err != nil {
		t.Fatalf("%s:%v", file, err)
	}
	if got == want {
		return
	}
	if !*rewrite {
		t.Fatalf("%s:%s\nIf this is as it should be, run the test with -rewrite.", file, firstDifference(want, got))
	}
	if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMisuse plays texts that cannot be understood, and fails for each whose error is another
// one than it says.
func (l Language[S]) TestMisuse(t *testing.T, faults map[string]string) {
	t.Helper()
	for text, want := range faults {
		if got, err := l.Play(t, text); err == nil || err.Error() != want {
			t.Errorf("%q became %q, with %v; want %s", text, got, err, want)
		}
	}
}

// firstDifference shows where two texts part, as a line's number and some lines of both.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < min(len(w), len(g)) && w[at] == g[at] {
		at++
	}
	some := func(lines []string) string { return strings.Join(lines[at:min(at+8, len(lines))], "\n") }
	return fmt.Sprintf("%d: has\n%s\nwhere the script says\n%s", at+1, some(g), some(w))
}

// Play plays a script and returns it with what happens now. It fails if it does not understand
// a line; its error begins with the line's number.
func (l Language[S]) Play(t testing.TB, text string) (string, error) {
	log := &Log{}
	stage := l.Begin(t, log)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, indent) {
			continue
		}
		log.text.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		log.now, log.began = stage.Now, stage.Now()
		if err := l.do(stage, strings.Fields(line)); err != nil {
			return "", fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return log.text.String(), nil
}

// do does what a line says, and what follows from it at the same time.
func (l Language[S]) do(stage S, words []string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			m, ok := r.(Misuse)
			if !ok {
				panic(r)
			}
			err = errors.New(string(m))
		}
	}()
	if len(words) == 0 {
		panic(Misuse("there is nothing but space"))
	}
	command, found := l.Commands[words[0]]
	if !found {
		panic(Misuse("there is no command " + words[0]))
	}
	w := NewWords(words[1:]...)
	command(stage, w)
	w.end()
	stage.Settle()
	return nil
}
