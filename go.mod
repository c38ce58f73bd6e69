module github.com/project-iris/iris

go 1.26.0

require (
	github.com/quic-go/quic-go v0.65.0
	golang.org/x/crypto v0.58.0
)

require (
	github.com/libp2p/go-buffer-pool v0.0.2 // indirect
	github.com/libp2p/go-yamux/v5 v5.1.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
