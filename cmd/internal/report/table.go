package report

import (
	"fmt"
	"slices"
	"strings"
)

// Line is a line of a table.
func Line(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

// Heading is the first two lines of a table with these columns.
func Heading(columns ...string) string {
	return Line(columns...) + "\n" + Line(slices.Repeat([]string{"---"}, len(columns))...)
}

// Bytes writes a number of bytes.
func Bytes(n int) string {
	if n > 0 && n%1024 == 0 {
		return fmt.Sprintf("%d KiB", n/1024)
	}
	return fmt.Sprintf("%d B", n)
}

// Thousands writes a number that is not negative, without its fraction and with commas.
func Thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
