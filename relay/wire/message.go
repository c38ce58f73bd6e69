package wire

// Message is one frame. A message that came from a [Reader], and every slice in
// it, is valid until the next call of Read.
type Message interface {
	// Op returns the opcode of the frame.
	Op() Op
	// Size returns the number of bytes that Append adds.
	Size() int
	// Append adds the encoded frame to b and returns the extended slice.
	Append(b []byte) []byte

	// consume reads the fields behind the opcode. Errors stick to the cursor.
	consume(c *cursor)
}
