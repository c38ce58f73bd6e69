// Package sealed seals and opens single packets between the nodes of a network, which need
// no link for them. A [Box] is a node's own side: it seals what the node sends, and opens
// what is for it, once. It has no socket, clock or goroutine.
//
// # Format
//
// A packet has [Overhead] bytes and the payload, and [transport.MaxPacket] bytes at the
// most. Integers have the most significant byte first.
//
//	offset    size  what
//	0         1     version: 0x21
//	1         24    nonce, drawn at random for each packet
//	25        32    sealed: the id of the sender
//	57        8     sealed: the sender's epoch, not 0
//	65        8     sealed: the counter of the packet, 1 for the first of an epoch
//	73        n     sealed: the payload, 0 to [MaxPayload] bytes
//	73+n      16    tag
//
// The first byte lies within what package transport leaves to packets, so its two highest
// bits are zero, and a packet can travel where those of QUIC do (RFC 9443, section 3).
//
// Sealed means encrypted and authenticated with XChaCha20-Poly1305
// (draft-irtf-cfrg-xchacha-03). Its additional data, which both sides know and which is not
// sent, are 33 bytes: the version, and the id of the receiver. The key is 32 bytes of
// HKDF-SHA256 (RFC 5869) of a secret that all nodes of the network share, without salt, with
// the info "iris sealed packet 0x21": another version has other keys.
//
// # Nonces
//
// One key is used by all nodes, so a nonce must not repeat in the whole network for as long
// as the key is used. Nonces of 24 random bytes do not: after 2^64 packets the probability
// of a pair is below 2^-64. Nonces made of what a node knows, such as its id, epoch and
// counter, would need no randomness, and repeat when a running machine is copied: both copies
// count on from one state.
//
// # Replay
//
// The receiver keeps for each sender the newest epoch, and which of the [Window] newest
// counters of that epoch it has seen (the sliding window of RFC 4303, section 3.4.3, as
// RFC 6479 arranges it). A packet of an older epoch, one that was seen, and one older than
// the window is refused. A newer epoch begins anew.
//
// Only a packet that opens changes anything. The number of senders is bounded, by
// [Config.MaxSenders]. When there is no room for another one, that one is forgotten of which
// no packet was accepted for the longest time: members of a network speak regularly, so it
// has most likely ended. A replay does not count as speaking.
//
// # What it protects against
//
// An outsider, who does not have the secret, can neither read a packet nor the ids in it, and
// can neither change one nor make one. A packet is not accepted twice, nor by another node
// than it was sealed for. What an outsider sends costs a look at length and version, and then
// one attempt with each secret, [MaxSecrets] at the most; it takes no memory.
//
// # What it does not protect against
//
//   - It is visible which addresses speak to each other, when, and how much.
//   - A packet can be lost, held back for as long as the window lasts, and be delivered in
//     another order.
//   - Whoever has the secret can read all packets and send in any node's name; a member is
//     trusted as all others are. Who must know for sure whom it speaks to uses a link.
//   - Who records packets and comes by the secret later can read them: there are no keys of a
//     session (no forward secrecy).
//   - A receiver that knows nothing of a sender takes the first packet that opens, however
//     old. So a node that starts again with its old id can be given once more what was
//     recorded for it, and a node that has forgotten a sender for lack of room what that
//     sender had sent. The ids of Iris are new with each start, which leaves the second case:
//     MaxSenders is to be more than the number of nodes that there are at a time.
package sealed
