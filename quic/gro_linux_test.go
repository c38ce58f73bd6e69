package quic

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// TestGROPacketsAreTakenApart sends packets that the kernel is told to cut, and
// so puts together again on loopback, and reads them through a reader of few
// and of many messages at a time.
func TestGROPacketsAreTakenApart(t *testing.T) {
	for _, room := range []int{1, 3, 8} {
		receiver, sender := udpPair(t)
		reader := newGROReader(receiver, ipv4.NewPacketConn(receiver))
		if reader == nil {
			t.Skip("the kernel has no GRO")
		}
		const size = 1200
		var sent [][]byte
		for _, count := range []int{10, 1, 3} { // packets in a row, the last of each shorter
			var row []byte
			for i := range count {
				packet := bytes.Repeat([]byte{byte(len(sent) + 1)}, size)
				if i == count-1 {
					packet = packet[:100]
				}
				sent = append(sent, packet)
				row = append(row, packet...)
			}
			if _, _, err := sender.WriteMsgUDP(row, segmentMessage(size), nil); err != nil {
				t.Fatal(err)
			}
		}
		messages := make([]ipv4.Message, room)
		for i := range messages {
			messages[i].Buffers = [][]byte{make([]byte, 1500)}
			messages[i].OOB = make([]byte, 128)
		}
		for got := 0; got < len(sent); {
			n, err := reader.read(messages, 0)
			if err != nil || n == 0 {
				t.Fatalf("read %d packets, %v", n, err)
			}
			for _, m := range messages[:n] {
				if !bytes.Equal(m.Buffers[0][:m.N], sent[got]) || m.Addr.String() != sender.LocalAddr().String() {
					t.Fatalf("packet %d of %d bytes from %v differs", got, m.N, m.Addr)
				}
				got++
			}
		}
	}
}

func udpPair(t *testing.T) (receiver, sender *net.UDPConn) {
	t.Helper()
	receiver, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	sender, err = net.DialUDP("udp", nil, receiver.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = receiver.Close()
		_ = sender.Close()
	})
	return receiver, sender
}

// segmentMessage is the control message that asks for GSO.
func segmentMessage(size uint16) []byte { return control(unix.UDP_SEGMENT, unix.IPPROTO_UDP, size) }

// control is one control message with a number of two bytes.
func control(kind, level int32, value uint16) []byte {
	oob := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	header.Level, header.Type = level, kind
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], value)
	return oob
}

func TestControlMessagesAreKept(t *testing.T) {
	tos := control(unix.IP_TOS, unix.IPPROTO_IP, 2)
	gro := control(unix.UDP_GRO, unix.IPPROTO_UDP, 1234)
	rows := []struct {
		name    string
		oob     []byte
		want    []byte
		segment int
	}{
		{"none", nil, nil, 0},
		{"only others", tos, tos, 0},
		{"only GRO", gro, nil, 1234},
		{"GRO first", append(bytes.Clone(gro), tos...), tos, 1234},
		{"GRO last", append(bytes.Clone(tos), gro...), tos, 1234},
		{"cut off", gro[:5], nil, 0},
	}
	for _, row := range rows {
		others, segment := splitControl(bytes.Clone(row.oob))
		if !bytes.Equal(others, row.want) || segment != row.segment {
			t.Errorf("%s: %x and %d, want %x and %d", row.name, others, segment, row.want, row.segment)
		}
	}
}
