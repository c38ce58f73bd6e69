// Package strangers bounds the connections of those who have proved nothing yet, so that
// nobody who only connects can keep others out.
//
// A [Room] has a number of seats. When it is full, whoever comes has a seat all the same,
// and another one makes room, which is picked so:
//
//   - of the source that has the most seats: a source is an IPv4 address, or the first 64
//     bits of an IPv6 address, which one host or one site has. So a source gets no more than
//     its share while others want one, and all seats when nobody else does.
//   - of these, from those that have said nothing yet, if there are any. Somebody who means
//     it speaks at once; a connection that says nothing costs a stranger next to nothing.
//   - of these, at random. The oldest is no good choice: at 7,000 connections a second, 256
//     seats last 37 ms each, and nobody who is further away than that would ever get in.
//
// Whoever has as many sources as there are seats, and says something on each connection, is
// left with that last rule alone: of n seats, one is kept for the time of k other connections
// with a probability of (1-1/n)^k.
package strangers
