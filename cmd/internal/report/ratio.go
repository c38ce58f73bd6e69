package report

import (
	"fmt"
	"slices"
)

// Median returns the median of values; zero without any.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Ratios are those of two samples of the same rounds.
type Ratios []float64

// NewRatios returns the ratio of each value to the other one of its round.
func NewRatios(values, to []float64) Ratios {
	r := make(Ratios, len(values))
	for i, v := range values {
		r[i] = v / to[i]
	}
	return r
}

// Median returns the median of the ratios.
func (r Ratios) Median() float64 { return Median(r) }

// String writes the median, and between which the ratios are. There is one at least.
func (r Ratios) String() string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median(), slices.Min(r), slices.Max(r))
}
