package main

// reloaded are the flags that take effect without a restart.
var reloaded = []string{}

// isReloaded reports whether a flag takes effect without a restart.
func isReloaded(name string) bool {
	for _, r := range reloaded {
		if r == name {
			return true
		}
	}
	return false
}
