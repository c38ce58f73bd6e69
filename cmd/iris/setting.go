package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// A setting is the value of a flag, whoever gives it: spaces around it do not matter, a
// boolean is written as people do, and errors say what is expected.
type setting struct{ flag.Value }

// IsBoolFlag makes the flag one that needs no value.
func (s *setting) IsBoolFlag() bool { return isBool(s.Value) }

// Set sets the value.
func (s *setting) Set(text string) error {
	text = s.trim(text)
	if isBool(s.Value) {
		text = truth(text)
	}
	err := s.Value.Set(text)
	if want := s.expected(); err != nil && want != "" {
		return errors.New("want " + want)
	}
	return err
}

// trim takes the spaces off that mean nothing.
func (s *setting) trim(text string) string {
	if _, kept := s.Value.(*verbatim); kept {
		return text
	}
	return strings.TrimSpace(text)
}

// expected says what a flag of this type wants; empty if its own errors say so.
func (s *setting) expected() string {
	getter, ok := s.Value.(flag.Getter)
	if !ok {
		return ""
	}
	switch getter.Get().(type) {
	case bool:
		return "true, yes, on or 1, or false, no, off or 0"
	case time.Duration:
		return "a time with its unit, such as 500ms, 5s or 1h30m"
	case int:
		return "a whole number"
	case float64:
		return "a number"
	}
	return ""
}

func isBool(v flag.Value) bool {
	b, ok := v.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// truth translates the words for booleans that package flag does not know.
func truth(text string) string {
	switch text = strings.ToLower(text); text {
	case "yes", "on":
		return "true"
	case "no", "off":
		return "false"
	}
	return text
}

// verbatim is a text whose spaces matter.
type verbatim string

func (v *verbatim) String() string { return string(*v) }

// Set takes any text.
func (v *verbatim) Set(text string) error {
	*v = verbatim(text)
	return nil
}

// quoted is a value as errors show it: what is long is cut.
func quoted(value string) string { return fmt.Sprintf("%.80q", value) }
