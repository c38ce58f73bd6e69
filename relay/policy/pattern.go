package policy

import (
	"bytes"
	"errors"
	"strconv"
)

// maxPattern is the longest pattern, in bytes as it is written.
const maxPattern = 1024

var (
	errEmptyPattern = errors.New("a name is empty: is there a comma too many?")
	errLongPattern  = errors.New("a name is longer than 1,024 bytes")
	errEscape       = errors.New("% is not followed by two hexadecimal digits: write a percent sign as %25")
)

// pattern is what a name has to look like: the parts in their order, with any bytes between
// one and the next. There is one part at least.
type pattern [][]byte

// parsePattern reads a pattern as the file has it.
func parsePattern(text string) (pattern, error) {
	switch {
	case text == "":
		return nil, errEmptyPattern
	case len(text) > maxPattern:
		return nil, errLongPattern
	}
	p := pattern{nil}
	for i := 0; i < len(text); i++ {
		last := len(p) - 1
		switch text[i] {
		case '*':
			p = append(p, nil)
		case '%':
			if i+2 >= len(text) {
				return nil, errEscape
			}
			b, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return nil, errEscape
			}
			p[last] = append(p[last], byte(b))
			i += 2
		default:
			p[last] = append(p[last], text[i])
		}
	}
	return p, nil
}

// matches takes time in proportion to the lengths of name and pattern at most for each part:
// the first place where a part is found will do, as any bytes may follow it.
func (p pattern) matches(name []byte) bool {
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return bytes.Equal(name, first)
	}
	if len(name) < len(first)+len(last) || !bytes.HasPrefix(name, first) || !bytes.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		i := bytes.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}
