package main

import "slices"

// maxNear is the longest name, in bytes, that is compared with others.
const maxNear = 64

// nearest returns the candidate with the least distance to a name, the first of several;
// none if that is more than a third of the name, and more than one.
func nearest(name string, candidates []string) string {
	if len(name) > maxNear {
		return ""
	}
	best, least := "", max(1, len(name)/3)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance returns how many bytes have to be put in, left out, replaced, or swapped with the
// next to make one string of another: the optimal string alignment distance, which is that
// of Damerau (1964) and Levenshtein (1966) where no piece is edited twice. The table is that
// of Wagner and Fischer (1974), of which three rows are kept.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
