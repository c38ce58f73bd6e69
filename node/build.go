package node

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/project-iris/iris/overlay"
)

// version is set by whoever builds a release: -ldflags "-X
// github.com/project-iris/iris/node.version=1.2.3".
var version string

// Build says what program this is. All but Version, Go, OS, Arch and Protocol may be
// missing.
type Build struct {
	// Version is that of the release, or of the module by the go command, or "devel".
	Version string `json:"version"`
	// Revision is the commit that it was built from, and Time when that was made, in RFC
	// 3339. Modified says that there were changes beside it.
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Go is the version of Go, OS and Arch are what it was built for, in Go's words.
	Go   string `json:"go"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// Protocol are the versions of the protocol between nodes that it speaks.
	Protocol Protocol `json:"protocol"`
}

// Protocol are versions of the protocol between nodes, from the oldest on.
type Protocol struct {
	Oldest uint16 `json:"oldest"`
	Newest uint16 `json:"newest"`
}

// ThisBuild says what program this is.
func ThisBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	speaks := overlay.Versions()
	b := Build{
		Version: cmp.Or(version, released(info.Main.Version), "devel"),
		Go:      runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Protocol: Protocol{Oldest: speaks.Oldest, Newest: speaks.Newest},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// released is a version of the module, empty where the go command knows none.
func released(version string) string {
	if version == "(devel)" {
		return ""
	}
	return version
}
