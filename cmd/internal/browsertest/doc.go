// Package browsertest drives a browser that is made of Chromium, for tests of pages: it opens
// them, asks them by JavaScript, and hears what they complain of. It speaks the DevTools protocol
// by a pipe, so that no port is open.
package browsertest
