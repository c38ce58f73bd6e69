package wire

import (
	"fmt"
	"testing"
)

// benchRows is a frame of every form, and bulk data in the sizes that matter.
func benchRows() []row {
	rows := plainRows()
	for _, size := range []int{1 << 10, 64 << 10} {
		chunk := &TunTransfer{ID: 7, Total: uint64(size), Chunk: make([]byte, size)}
		request := &Request{ID: 7, Cluster: b("svc"), Body: make([]byte, size), Timeout: 1000}
		rows = append(
			rows,
			row{fmt.Sprintf("TunTransfer of %d KiB", size>>10), FromApplication, chunk, string(chunk.Append(nil))},
			row{fmt.Sprintf("Request of %d KiB", size>>10), FromApplication, request, string(request.Append(nil))},
		)
	}
	return rows
}

func BenchmarkDecode(b *testing.B) {
	for _, row := range benchRows() {
		b.Run(fmt.Sprintf("%s/%s", sideNames[row.from], row.name), func(b *testing.B) {
			benchDecode(b, row, false)
		})
	}
}

// BenchmarkDecodeOneByOne is a peer that waits for an answer to each frame. One
// longer than the buffer that a reader keeps pays for it every time.
func BenchmarkDecodeOneByOne(b *testing.B) {
	for _, size := range []int{1, 1 << 10, 64 << 10, 1 << 20} {
		frame := (&Delivery{Message: make([]byte, size)}).Append(nil)
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			benchDecode(b, row{from: FromRelay, enc: string(frame)}, true)
		})
	}
}

func benchDecode(b *testing.B, row row, pause bool) {
	b.ReportAllocs()
	b.SetBytes(int64(len(row.enc)))
	r := NewReader(&repeat{frame: []byte(row.enc), pause: pause}, row.from, Limits{})
	for b.Loop() {
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, row := range benchRows() {
		b.Run(fmt.Sprintf("%s/%s", sideNames[row.from], row.name), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(row.enc)))
			room := make([]byte, 0, row.msg.Size())
			for b.Loop() {
				row.msg.Append(room[:0])
			}
		})
	}
}
