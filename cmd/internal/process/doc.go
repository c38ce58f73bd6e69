// Package process runs servers as processes of this host, and measures what they take while
// nothing is asked of them.
//
// A [Group] owns the processes that it starts: all have ended, and were waited for, when
// [Group.Close] returns. Where the system can (Linux), they end with this process too,
// however that ends.
//
// [Measure] looks at processes twice, and does nothing in between. What it reads is Linux's;
// on other systems it fails with errors.ErrUnsupported.
package process
