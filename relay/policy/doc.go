// Package policy says which user may do what at a node. This comment is the specification
// of the file.
//
// # The file
//
// A line is a rule, or empty, or begins with # and is a comment. A rule has four fields, and
// limits behind them, with spaces or tabs in between:
//
//	allow|deny  WHO  OPERATIONS  NAMES  [rate=N] [most=N]
//
//	WHO         user:NAME, user:ID, group:NAME, group:ID, or * for everybody
//	OPERATIONS  register, request, broadcast, publish, subscribe and tunnel, with commas
//	            in between, or * for all
//	NAMES       patterns of the names of clusters and topics, with commas in between. In a
//	            pattern * stands for any bytes, none included, and %XX for the byte with
//	            that number in hexadecimal: %2c is a comma, %20 a space, %2a a star
//	rate=N      of an allow rule: N a second, and as many at once, for each user
//	most=N      of an allow rule: N at a time, for each user, of what lasts: registrations,
//	            subscriptions and tunnels that an application has opened
//
// The first rule that fits who, operation and name decides. What no rule fits is forbidden.
// What is over a limit of the rule that fits is forbidden as well: no later rule is looked at.
//
// Users and groups that are named have to exist when the file is read.
package policy
