package strangers

import (
	"net"
	"slices"
	"testing"
)

func TestGuestsHaveAPlaceUntilTheyAreAdmittedOrClosed(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	evicted := 0
	l := Guard(inner, 2, func() { evicted++ })
	enter := func() (ours net.Conn, theirs *Guest) {
		ours, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ours.Close() })
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return ours, conn.(*Guest)
	}
	var taken []int
	look := func() { taken = append(taken, l.(*guarded).room.Taken()) }
	_, first := enter()
	look()
	first.Admit()
	first.Admit()
	look()
	_, second := enter()
	look()
	_ = second.Close()
	_ = second.Close()
	look()
	if !slices.Equal(taken, []int{1, 0, 1, 0}) {
		t.Errorf("seats taken: %v", taken)
	}

	speaking, speaker := enter()
	if _, err := speaking.Write([]byte("GET")); err != nil {
		t.Fatal(err)
	}
	if _, err := speaker.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	silent, _ := enter()
	enter()
	if evicted != 1 {
		t.Errorf("%d are told to have made room, want 1", evicted)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent one has something to read")
	}
	if _, err := speaker.Write([]byte("200")); err != nil {
		t.Errorf("who has spoken has made room: %v", err)
	}
	if _, err := first.Write([]byte("here")); err != nil {
		t.Errorf("who was admitted has made room: %v", err)
	}
}
