package conversation_test

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/project-iris/iris/relay/internal/conversation"
)

func TestLoadReadsLinesInOrder(t *testing.T) {
	c, err := conversation.Load(fstest.MapFS{
		"README.md": {Data: []byte("not a recording")},
		"two.jsonl": {Data: []byte(`{"conn":2,"from":"client","us":5,"hex":"00ff"}
{"conn":1,"from":"relay","us":1000007,"hex":""}
{"conn":2,"from":"client","us":1000008,"hex":"02"}
`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []*conversation.Conversation{{
		Name: "two",
		Reads: []conversation.Read{
			{Conn: 2, From: conversation.Client, At: 5 * time.Microsecond, Bytes: []byte{0, 0xff}},
			{Conn: 1, From: conversation.Relay, At: time.Second + 7*time.Microsecond, Bytes: []byte{}},
			{Conn: 2, From: conversation.Client, At: time.Second + 8*time.Microsecond, Bytes: []byte{2}},
		},
	}}
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("got %+v, want %+v", c[0], want[0])
	}
	if got := c[0].Conns(); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("connections %v, want [2 1]", got)
	}
	if got := c[0].Stream(2, conversation.Client); string(got) != "\x00\xff\x02" {
		t.Errorf("stream %x, want 00ff02", got)
	}
	if got := c[0].Stream(2, conversation.Relay); len(got) != 0 {
		t.Errorf("stream %x of a side that said nothing", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, file := range map[string]string{
		"no JSON":          "conn 1",
		"an unknown side":  `{"conn":1,"from":"node","us":1,"hex":""}`,
		"a connection 0":   `{"conn":0,"from":"relay","us":1,"hex":""}`,
		"half a byte":      `{"conn":1,"from":"relay","us":1,"hex":"0"}`,
		"an empty line":    "{\"conn\":1,\"from\":\"relay\",\"us\":1,\"hex\":\"\"}\n\n",
		"a broken archive": "",
	} {
		ext := ".jsonl"
		if file == "" {
			ext = ".jsonl.gz"
		}
		if _, err := conversation.Load(fstest.MapFS{"x" + ext: {Data: []byte(file)}}); err == nil {
			t.Errorf("took %s", name)
		}
	}
	if _, err := conversation.Load(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory: %v, want %v", err, fs.ErrNotExist)
	}
}

// All recordings are there, and whole: both sides of each connection begin with
// INIT and end with the end of their stream, in the order of their times.
func TestRecordings(t *testing.T) {
	conversations, err := conversation.Load(os.DirFS("../../testdata/conversations"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range conversations {
		names = append(names, c.Name)
		if !slices.IsSortedFunc(c.Reads, func(a, b conversation.Read) int { return int(a.At - b.At) }) {
			t.Errorf("%s: reads out of order", c.Name)
		}
		for _, conn := range c.Conns() {
			for _, side := range []conversation.Side{conversation.Client, conversation.Relay} {
				reads := c.From(conn, side)
				if len(reads) < 2 || len(reads[0].Bytes) == 0 || reads[0].Bytes[0] != 0 {
					t.Errorf("%s: %s of connection %d does not begin with INIT", c.Name, side, conn)
				} else if len(reads[len(reads)-1].Bytes) != 0 {
					t.Errorf("%s: %s of connection %d has no end", c.Name, side, conn)
				}
			}
		}
	}
	want := []string{
		"erl-broadcast", "erl-pubsub", "erl-request", "erl-tunnel",
		"go-broadcast", "go-client-open-close", "go-pubsub", "go-request",
		"go-service-open-close", "go-tunnel", "go-tunnel-remote-close",
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("recordings %v, want %v", names, want)
	}
}
