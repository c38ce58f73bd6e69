// Package monitoring holds docs/monitoring against what reads it: the board against the schema of
// Grafana, and rules against promtool, if it is installed. It is a module of its own, so that nobody
// who imports Iris gets the schema.
package monitoring
