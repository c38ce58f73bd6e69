package overlay

import "time"

// attempt is an open request on its way to a member.
type attempt struct {
	token         uint64 // among those of the member that asks
	cluster, body []byte // borrowed, or those of held
	deadline      time.Time
	refused       refusals
	wait          bool         // for room on the way to another node, if there is none
	number        uint64       // of the request among those that were held; 0: it was not
	held          *heldRequest // what it was, if it comes from there
}

// waited returns the cluster that the request has waited for, nil if it has not.
func (a *attempt) waited() *cluster {
	if a.held == nil {
		return nil
	}
	return a.held.cluster
}
