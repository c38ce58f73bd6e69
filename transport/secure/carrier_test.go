package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A noted connection is one in memory that notes what is asked of it.
type noted struct {
	net.Conn
	in            bytes.Buffer // what there is to read
	out           bytes.Buffer // what was written
	reads, writes []int        // how many bytes at a time
	fail          error        // of writes
}

func (c *noted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.reads = append(c.reads, n)
	return n, err
}

func (c *noted) Write(b []byte) (int, error) {
	c.writes = append(c.writes, len(b))
	if c.fail != nil {
		return 0, c.fail
	}
	return c.out.Write(b)
}

// numbered returns bytes that tell where they belong.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func TestWhatIsHeldGoesOutAtOnce(t *testing.T) {
	const record = 16 << 10
	for records, writes := range map[int][]int{
		0: nil,
		1: {record},
		6: {6 * record},
		8: {6 * record, record, record}, // what is beyond bulkSize goes as it comes
	} {
		below := &noted{}
		c := &carrier{Conn: below}
		sent := numbered(records * record)
		c.cork()
		for part := range slices.Chunk(sent, record) {
			if n, err := c.Write(part); n != record || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if err := c.uncork(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(below.writes, writes) || !bytes.Equal(below.out.Bytes(), sent) || c.sent.Load() != uint64(len(sent)) {
			t.Errorf("%d records: written as %v, want %v; %d bytes counted", records, below.writes, writes, c.sent.Load())
		}
		if _, err := c.Write([]byte("later")); err != nil || below.writes[len(below.writes)-1] != 5 {
			t.Errorf("a write after the release: %v, %v", below.writes, err)
		}
	}
}

// TLS takes corked records for written: when they cannot be, nothing may follow.
func TestNothingFollowsAWriteThatFailed(t *testing.T) {
	broken := errors.New("broken")
	below := &noted{fail: broken}
	c := &carrier{Conn: below}
	c.cork()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if err := c.uncork(); !errors.Is(err, broken) {
		t.Errorf("release = %v", err)
	}
	below.fail = nil
	if _, err := c.Write([]byte("more")); !errors.Is(err, broken) || below.out.Len() > 0 {
		t.Errorf("Write = %v, and %q was written", err, below.out.String())
	}
	c.cork()
	if err := c.uncork(); !errors.Is(err, broken) {
		t.Errorf("release = %v", err)
	}
	if got := c.sent.Load(); got != 0 {
		t.Errorf("%d bytes counted", got)
	}
}

// What a connection does not take at once is written by flush, or before what is written next,
// and is counted once.
func TestAHurriedWriteDoesNotWait(t *testing.T) {
	below := &noted{}
	room := 3
	c := &carrier{Conn: below, try: func(b []byte) int {
		n := min(room, len(b))
		room -= n
		below.out.Write(b[:n])
		return n
	}}
	write := func(s string) {
		t.Helper()
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	c.hurry()
	write("ab")
	if c.rest() {
		t.Error("something is left of what was taken")
	}
	c.hurry()
	write("cd")
	room = 100 // but what is left goes first
	write("ef")
	if !c.rest() || below.out.String() != "abc" {
		t.Errorf("written: %q", below.out.String())
	}
	if err := c.flush(); err != nil || below.out.String() != "abcdef" {
		t.Errorf("flush: %v; written: %q", err, below.out.String())
	}
	room = 0
	c.hurry()
	write("gh")
	c.rest()
	write("ij")
	if err := c.flush(); err != nil || below.out.String() != "abcdefghij" {
		t.Errorf("flush: %v; written: %q", err, below.out.String())
	}
	if got := c.sent.Load(); got != 10 {
		t.Errorf("%d bytes counted, want 10", got)
	}

	broken := errors.New("broken")
	c.hurry()
	write("kl")
	c.rest()
	below.fail = broken
	if err := c.flush(); !errors.Is(err, broken) {
		t.Errorf("flush: %v", err)
	}
	below.fail = nil
	if err := c.flush(); !errors.Is(err, broken) {
		t.Errorf("flush after an error: %v", err)
	}
	if _, err := c.Write([]byte("m")); !errors.Is(err, broken) || below.out.Len() != 10 {
		t.Errorf("Write after an error: %v; written: %q", err, below.out.String())
	}
}

func TestReadsAheadWhereMuchComes(t *testing.T) {
	const buffer = 32 << 10
	below := &noted{}
	c := &carrier{Conn: below}
	sent := numbered(buffer + 2*bulkSize + 10)
	below.in.Write(sent)
	var got []byte
	for part := make([]byte, buffer); len(got) < len(sent); {
		n, err := c.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part[:n]...)
	}
	if !bytes.Equal(got, sent) || c.received.Load() != uint64(len(sent)) {
		t.Errorf("what was read is not what came, or %d bytes of it were counted as %d", len(sent), c.received.Load())
	}
	if want := []int{buffer, bulkSize, bulkSize, 10}; !slices.Equal(below.reads, want) {
		t.Errorf("read as %v, want %v", below.reads, want)
	}
	if c.ahead != nil {
		t.Error("a connection on which little comes keeps its buffer")
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("Read at the end = %v", err)
	}
}

// A batch of the multiplexer is one write, however many records TLS makes of it.
func TestABatchIsOneWrite(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	ours, theirs := net.Pipe()
	defer theirs.Close()
	below := &counted{Conn: ours}
	raw := &carrier{Conn: below}
	s := &secured{Conn: tls.Client(raw, network.Node(t).ClientTLS(transport.PeerID{})), raw: raw}
	defer s.Close()
	far := tls.Server(theirs, network.Node(t).ServerTLS())
	sent := numbered(80 << 10)
	got := make(chan []byte)
	go func() {
		all := make([]byte, 2*len(sent))
		n, _ := io.ReadFull(far, all)
		got <- all[:n]
	}()
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // crypto/tls begins a connection with short records
		below.writes = 0
		if n, err := s.Write(sent); n != len(sent) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if below.writes != 1 {
		t.Errorf("a batch took %d writes", below.writes)
	}
	if all := <-got; !bytes.Equal(all, slices.Concat(sent, sent)) {
		t.Error("what arrived is not what was sent")
	}
}

// counted counts writes.
type counted struct {
	net.Conn
	writes int
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}
