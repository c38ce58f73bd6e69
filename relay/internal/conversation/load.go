package conversation

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

const (
	plainExt = ".jsonl"
	gzipExt  = ".jsonl.gz"
)

// Load returns the conversations in the root of dir, ordered by file name. Files that
// are no recordings by their extension are passed over. A directory without any is
// an error, so that a test over all recordings cannot pass over none.
func Load(dir fs.FS) ([]*Conversation, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	var conversations []*Conversation
	for _, e := range entries {
		name, zipped := strings.CutSuffix(e.Name(), gzipExt)
		if !zipped {
			var plain bool
			if name, plain = strings.CutSuffix(name, plainExt); !plain {
				continue
			}
		}
		reads, err := loadFile(dir, e.Name(), zipped)
		if err != nil {
			return nil, fmt.Errorf("recording %s: %w", e.Name(), err)
		}
		conversations = append(conversations, &Conversation{Name: name, Reads: reads})
	}
	if len(conversations) == 0 {
		return nil, fmt.Errorf("no recordings: %w", fs.ErrNotExist)
	}
	return conversations, nil
}

func loadFile(dir fs.FS, name string, zipped bool) ([]Read, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !zipped {
		return parse(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return parse(z)
}

// parse reads lines until the end of src. A line is as long as it is: some hold a
// read of 70 kB.
func parse(src io.Reader) ([]Read, error) {
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	var reads []Read
	for line := range bytes.Lines(text) {
		r, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(reads)+1, err)
		}
		reads = append(reads, r)
	}
	return reads, nil
}

func parseLine(line []byte) (Read, error) {
	var fields struct {
		Conn int    `json:"conn"`
		From Side   `json:"from"`
		US   int64  `json:"us"`
		Hex  string `json:"hex"`
	}
	if err := json.Unmarshal(line, &fields); err != nil {
		return Read{}, err
	}
	if fields.Conn < 1 {
		return Read{}, fmt.Errorf("connection %d: they count from 1", fields.Conn)
	}
	if fields.From != Client && fields.From != Relay {
		return Read{}, fmt.Errorf("unknown side %q", fields.From)
	}
	b, err := hex.DecodeString(fields.Hex)
	if err != nil {
		return Read{}, err
	}
	at := time.Duration(fields.US) * time.Microsecond
	return Read{Conn: fields.Conn, From: fields.From, At: at, Bytes: b}, nil
}
