module github.com/project-iris/iris

go 1.26.0

require (
	golang.org/x/crypto v0.54.0
	golang.org/x/time v0.16.0
)

require golang.org/x/sys v0.47.0 // indirect
