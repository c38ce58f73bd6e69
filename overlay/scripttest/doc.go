// Package scripttest plays scripts: stories of a state machine as text, with what happens in
// them, in the directory testdata of its tests. That scenarios of a state machine are text,
// whose results a flag rewrites, is how etcd's raft tests itself (go.etcd.io/raft, testdata),
// with a library named datadriven. Tests alone import this package.
//
// A line of a script is a command, prose after a number sign, or, if it is indented, what
// the command before it has caused. A script begins with prose that says what it shows. After
// a change that means to change what happens:
//
//	go test ./PACKAGE -run TestScripts -rewrite
//
// Which commands there are is up to the [Language] of the package. A story has its own
// clock, which goes on only in commands; times in it are since the command began.
package scripttest
