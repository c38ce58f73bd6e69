module github.com/project-iris/iris

go 1.26.0

require (
	github.com/peterbourgon/ff/v3 v3.4.0
	github.com/quic-go/quic-go v0.65.0
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.60.0
	golang.org/x/sys v0.49.0
	golang.org/x/time v0.16.0
)
