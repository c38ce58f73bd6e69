package sealed

// Window is how many of the newest counters of a sender are remembered: how far a packet may
// be overtaken.
const Window = 1024

const (
	wordBits = 64

	// words is one more than the window needs: the newest word is filled from its beginning
	// on, while the oldest counters of the window are in the same place of the last one.
	words = Window/wordBits + 1
)

// A window is what a sender has sent.
type window struct {
	epoch  uint64
	newest uint64        // counter
	seen   [words]uint64 // a ring: a bit for each counter, of the newest words of them
}

// accept takes in the counter of a packet that was opened, or says why it is refused.
func (w *window) accept(epoch, counter uint64) error {
	switch {
	case epoch < w.epoch:
		return ErrOldEpoch
	case epoch > w.epoch:
		*w = window{epoch: epoch, newest: counter}
	case counter > w.newest:
		w.advance(counter)
	case w.newest-counter >= Window:
		return ErrTooOld
	}
	word, bit := &w.seen[counter/wordBits%words], uint64(1)<<(counter%wordBits)
	if *word&bit != 0 {
		return ErrReplayed
	}
	*word |= bit
	return nil
}

// advance makes a counter the newest, and clears the words that come into use.
func (w *window) advance(counter uint64) {
	last, next := w.newest/wordBits, counter/wordBits
	for i := range min(next-last, words) {
		w.seen[(last+1+i)%words] = 0
	}
	w.newest = counter
}
