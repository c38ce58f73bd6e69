// Package process runs servers as processes of this host, and measures what they take.
//
// A [Group] owns the processes that it starts: all have ended, and were waited for, when
// [Group.Close] returns. Where the system can (Linux), they end with this process too,
// however that ends.
//
// [Measure] looks at processes twice, and does nothing in between: what they take while nothing
// is asked of them. [Read] is for what they take for some work. What both read is Linux's; on
// other systems they fail with errors.ErrUnsupported.
package process
