package relay

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// A tunnel between two relays is a stream of bytes in each direction. It carries
// records:
//
//	chunk  total:varint length:varint bytes   length > 0; total as in TUN_TRANSFER
//	end    0 0 length:varint reason           the last record; no reason: a clean close
//
// A stream that ends without an end record was broken.

const maxRecordHeader = 2 * binary.MaxVarintLen64

// maxReason is the longest reason, in bytes.
const maxReason = 1024

// appendChunk adds a chunk record to b.
func appendChunk(b []byte, total uint64, chunk []byte) []byte {
	b = binary.AppendUvarint(b, total)
	b = binary.AppendUvarint(b, uint64(len(chunk)))
	return append(b, chunk...)
}

// appendEnd adds an end record to b.
func appendEnd(b []byte, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = append(b, 0, 0)
	b = binary.AppendUvarint(b, uint64(len(reason)))
	return append(b, reason...)
}

// chunkBytes returns the sum of the lengths of the chunks in a slice of whole
// records that this relay wrote. It looks at the headers alone, two numbers for up to 64 KiB: to
// keep the lengths apart would cost as much.
func chunkBytes(records []byte) int {
	sum := 0
	for len(records) > 0 {
		_, n := binary.Uvarint(records)
		length, m := binary.Uvarint(records[n:])
		if length == 0 {
			return sum
		}
		sum += int(length)
		records = records[n+m+int(length):]
	}
	return sum
}

// recordReader reads the records of a stream.
type recordReader struct {
	r *bufio.Reader
}

func newRecordReader(r io.Reader) *recordReader {
	return &recordReader{r: bufio.NewReaderSize(r, 512)}
}

// header reads the start of a record. A length of zero is the end record.
func (r *recordReader) header() (total uint64, length int, err error) {
	total, err = binary.ReadUvarint(r.r)
	if err != nil {
		return 0, 0, err
	}
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return 0, 0, err
	}
	if n > chunkLimit || n == 0 && total != 0 {
		return 0, 0, errFraming
	}
	return total, int(n), nil
}

// chunk reads the bytes behind the header of a chunk.
func (r *recordReader) chunk(b []byte) error {
	_, err := io.ReadFull(r.r, b)
	return err
}

// reason reads what is behind the header of an end record.
func (r *recordReader) reason() (string, error) {
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return "", err
	}
	if n > maxReason {
		return "", fmt.Errorf("%w: reason of %d bytes", errFraming, n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r.r, b)
	return string(b), err
}
