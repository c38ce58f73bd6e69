package budget

const (
	// blockSize is how many bytes are taken at a time for small things.
	blockSize = 64 << 10
	// blockFree is how many bytes of them are not counted: what everybody has.
	blockFree = 16 << 10
)

// Blocks count many small things, such as names, against a budget of bytes, and take of it in
// blocks, so that most of them cost an addition and no lock. The first 16 KiB are free. It is
// guarded by whoever has it. Nil Blocks have no limit, and neither do those of no holder.
type Blocks struct {
	memory        *Holder
	used, covered int64
}

// NewBlocks returns blocks for a holder that has nothing; nil for no holder.
func NewBlocks(memory *Holder) *Blocks {
	if memory == nil {
		return nil
	}
	return &Blocks{memory: memory}
}

// Take takes n, or fails with the refusal of the budget, and takes nothing.
func (b *Blocks) Take(n int64) error {
	if b == nil {
		return nil
	}
	if more := b.lacks(n); more > 0 {
		if err := b.memory.Take(more); err != nil {
			return err
		}
		b.covered += more
	}
	b.used += n
	return nil
}

// Force takes n in any case, as that of a [Holder].
func (b *Blocks) Force(n int64) {
	if b == nil {
		return
	}
	more := b.lacks(n)
	b.memory.Force(more)
	b.covered += more
	b.used += n
}

// lacks is how much has to be taken of the budget before n more can be.
func (b *Blocks) lacks(n int64) int64 {
	lacks := b.used + n - blockFree - b.covered
	if lacks <= 0 {
		return 0
	}
	return (lacks + blockSize - 1) / blockSize * blockSize
}

// Give gives n back. A block that is not needed is kept for what comes next, as long as there
// is anything.
func (b *Blocks) Give(n int64) {
	if b == nil {
		return
	}
	b.used -= min(n, b.used)
	spare := (b.covered - max(b.used-blockFree, 0)) / blockSize
	switch {
	case b.used == 0:
	case spare < 2:
		return
	default:
		spare--
	}
	b.memory.Give(spare * blockSize)
	b.covered -= spare * blockSize
}
