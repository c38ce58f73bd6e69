// Package failpoint lets tests have the system fail where neither simulation nor a fake reaches: at
// files and sockets.
//
// A point has a name, which its package calls [Hit] with where it asks the system for something. In
// the product Hit is an empty function, which the compiler leaves out together with what follows
// from its error. With the build tag failpoints a test may [Set] what happens there: make failpoints
// runs these. Tools that rewrite the code for that, as pingcap/failpoint does, would have another
// program tested than the one that is read.
package failpoint
