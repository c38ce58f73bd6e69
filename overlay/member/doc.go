// Package member is the applications of this node, as [Members]: what each has asked and waits
// for, what each has in hand, and the tunnels that it was given. Its owner uses a [Member] to
// send, and is delivered to by a [Handler]. Which nodes are in the network is not its concern:
// that is package membership.
//
// A request gets one answer, as whatever wants to answer it takes it out of the table of its
// member first. An answer is given once, as the member that answers takes the request out of the
// table of what it has in hand. Who is asked, and what waits, is package lookup's; a request to
// another node goes by package remote, and comes from there by [Members.Serve].
//
// # Locks
//
// Members.mu guards which members there are, Member.mu who waits for a member to have nothing in
// hand. Neither is held while anything else is locked or a Handler is called.
package member
