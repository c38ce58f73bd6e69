// Package report writes measurements as tables of a Markdown page.
//
// What is measured in turns, in rounds, is told as the median of the rounds, and compared by
// the median of the ratios within a round: what else the machine does hits all alike then.
package report
