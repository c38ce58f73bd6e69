// Package gateway gives the network to whoever speaks HTTP, such as curl: requests,
// broadcasts, events, and subscriptions as server-sent events.
//
// docs/http.md says what a caller needs, and docs/openapi.json what a machine does.
//
// # Who may use it
//
// A gateway listens where other programs of the host can reach it, and those include browsers,
// which send what pages of strangers tell them. So each request is looked at in this order:
//
//   - Its Host has to be an IP address, localhost, or one of Config.Hosts. A page whose name
//     was made to mean this host (DNS rebinding) comes with that name.
//   - It must not come from a page: it has no Origin, and no Sec-Fetch-Site but "none". No
//     page is served here, so there is none that could mean well.
//   - It has to bring the token, which is compared in constant time.
//
// Each of these alone keeps pages out: no answer allows another origin to read it, and no page
// can send the token without asking first by OPTIONS, which is not answered.
//
// # Bounds
//
// Bodies, connections, requests at a time and subscriptions at a time are bounded, and so is
// how long a body may take, and how much waits for a reader of events. What is refused or cut
// off has a [Reason], which the caller gets and [Gateway.Stats] counts.
package gateway
