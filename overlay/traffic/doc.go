// Package traffic counts what members of a name have done, and how long it took. To count is
// an atomic add: no lock, no memory and no clock of its own.
package traffic
