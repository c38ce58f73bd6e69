package scripttest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// counter is a stage on which a number grows. It tells when a command ends at ten.
type counter struct {
	log    *Log
	now    time.Time
	number int
}

func (c *counter) Now() time.Time { return c.now }

func (c *counter) Settle() {
	if c.number == 10 {
		c.log.Happens("ten")
	}
}

// counting can say: add 3, wait 2s, hush 3, both add=3 add=2, and name TITLE SOME WORDS.
var counting = Language[*counter]{
	Begin: func(_ testing.TB, log *Log) *counter { return &counter{log: log, now: time.Unix(0, 0)} },
	Commands: map[string]func(*counter, *Words){
		"add":  func(c *counter, w *Words) { c.add(w.Number()) },
		"wait": func(c *counter, w *Words) { c.now = c.now.Add(w.Span()); c.log.Happens("waited") },
		"hush": func(c *counter, w *Words) { c.log.Quietly(func() { c.add(w.Number()) }) },
		"name": func(c *counter, w *Words) { c.log.Say("%s: %s", w.Next("title"), strings.Join(w.Rest(), "+")) },
		"both": (*counter).both,
	},
}

func (c *counter) add(n int) {
	c.number += n
	c.log.Say("%d", c.number)
}

func (c *counter) both(w *Words) {
	for w.More() {
		switch key, value := w.Setting(); key {
		case "add":
			c.add(value.Number())
		default:
			panic(Misuse("there is no setting " + key))
		}
	}
}

const right = `# Prose stays.
add 4
    4

wait 90s
    90.000s waited
wait 1500ms
    1.5s    waited
hush 3
both add=2 add=1
    9
    10
    0s      ten
add 1
    11
name it one two
    it: one+two
`

// What a script says is held against what happens, also where it says nothing.
func TestWhatHappensIsPutIn(t *testing.T) {
	for _, text := range []string{
		right,
		strings.ReplaceAll(right, "    4\n", "    5\n"),
		strings.ReplaceAll(right, "    4\n", ""),
		strings.ReplaceAll(right, "add 4\n", "add 4\n    3\n"),
	} {
		if got, err := counting.Play(t, text); got != right || err != nil {
			t.Errorf("of\n%s\nbecame, with %v,\n%s", text, err, got)
		}
	}
}

func TestWhatCannotBeUnderstood(t *testing.T) {
	counting.TestMisuse(t, map[string]string{
		"juggle":            "1: there is no command juggle",
		"# one\n\nadd":      "3: there is no number",
		"add two":           "1: two is no number",
		"add 1\n    1\nadd": "3: there is no number",
		"add 1 2 3":         "1: too much: 2 3",
		"wait":              "1: there is no time",
		"wait 5":            "1: 5 is no time",
		"name":              "1: there is no title",
		"both add":          "1: add has no value",
		"both sub=1":        "1: there is no setting sub",
		"add 1\n ":          "2: there is nothing but space",
	})
}

// A panic that is no misuse is one.
func TestOtherPanicsGoOn(t *testing.T) {
	broken := counting
	broken.Commands = map[string]func(*counter, *Words){"break": func(*counter, *Words) { panic("broken") }}
	defer func() {
		if r := recover(); r != "broken" {
			t.Errorf("recovered %v", r)
		}
	}()
	_, _ = broken.Play(t, "break")
}

func TestTheFirstDifferenceIsShown(t *testing.T) {
	got := firstDifference("a\nb\nc\n", "a\nx\nc\n")
	if want := "2: has\nx\nc\n\nwhere the script says\nb\nc\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// With the flag a script is put right, and only then.
func TestScriptsAreRewritten(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/count.txt"
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(right, "    4\n", "    5\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	before := *rewrite
	defer func() { *rewrite = before }()
	*rewrite = true
	counting.Test(t)
	text, err := os.ReadFile(file)
	if err != nil || string(text) != right {
		t.Errorf("the script says, with %v,\n%s", err, text)
	}
	*rewrite = false
	counting.Test(t)
}
