package strangers

// Most returns how many places a room of at most so many may have with the descriptors of
// this process: an eighth of them, and one at the least.
func Most(most int) int { return max(min(most, Descriptors()/8), 1) }
