package gateway

import (
	"fmt"
	"net/http"
)

// Reason is why something was refused, failed or cut off. Callers get it in the header
// Iris-Reason.
type Reason string

// The reasons. Those that are no answer end a subscription.
const (
	ReasonHost       Reason = "host"           // 421: a name that is not this host's
	ReasonBrowser    Reason = "browser"        // 403: it comes from a page
	ReasonToken      Reason = "token"          // 401: no token, or another one
	ReasonPath       Reason = "path"           // 404: there is no such path
	ReasonMethod     Reason = "method"         // 405: the path wants another method
	ReasonInput      Reason = "input"          // 400: a name, header or query is wrong
	ReasonTooLarge   Reason = "too-large"      // 413: the body is over the limit
	ReasonIncomplete Reason = "incomplete"     // 400 or 408: the body has not come whole, or not in time
	ReasonBusy       Reason = "busy"           // 503: too much is under way
	ReasonFault      Reason = "fault"          // 502: the member has answered with a fault
	ReasonMayHaveRun Reason = "may-have-run"   // 502: the node was lost before the answer came
	ReasonNotSent    Reason = "not-sent"       // 503: there is no node; nothing was sent
	ReasonTimeout    Reason = "timeout"        // 504: no answer in time
	ReasonCancelled  Reason = "cancelled"      // the caller has gone before the answer came
	ReasonSlowReader Reason = "slow-reader"    // the reader of events was cut off
	ReasonInternal   Reason = "internal-error" // 500: a mistake of the gateway's
)

var statuses = map[Reason]int{
	ReasonHost:       http.StatusMisdirectedRequest,
	ReasonBrowser:    http.StatusForbidden,
	ReasonToken:      http.StatusUnauthorized,
	ReasonPath:       http.StatusNotFound,
	ReasonMethod:     http.StatusMethodNotAllowed,
	ReasonInput:      http.StatusBadRequest,
	ReasonTooLarge:   http.StatusRequestEntityTooLarge,
	ReasonIncomplete: http.StatusBadRequest,
	ReasonBusy:       http.StatusServiceUnavailable,
	ReasonFault:      http.StatusBadGateway,
	ReasonMayHaveRun: http.StatusBadGateway,
	ReasonNotSent:    http.StatusServiceUnavailable,
	ReasonTimeout:    http.StatusGatewayTimeout,
	ReasonCancelled:  499, // nobody is left to read it; as nginx logs it
	ReasonInternal:   http.StatusInternalServerError,
}

// refusal is an answer that says why there is no other.
type refusal struct {
	reason Reason
	status int // 0: that of the reason
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(reason Reason, format string, args ...any) *refusal {
	return &refusal{reason: reason, text: fmt.Sprintf(format, args...)}
}

// answer counts a refusal, and sends it.
func (g *Gateway) answer(w http.ResponseWriter, r *refusal) {
	g.count(r.reason)
	status := r.status
	if status == 0 {
		status = statuses[r.reason]
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Iris-Reason", string(r.reason))
	switch r.reason {
	case ReasonToken:
		h.Set("WWW-Authenticate", `Bearer realm="iris"`)
	case ReasonBusy, ReasonNotSent:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, r.text)
}
