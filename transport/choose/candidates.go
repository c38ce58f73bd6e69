package choose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// A candidate is one transport and one of the addresses.
type candidate struct {
	transport transport.Transport
	addr      string        // without the scheme
	rank      int           // the transport's place in the order of preference
	at        time.Duration // when it is dialled, if nothing fails before
}

func (c candidate) place() place { return placeOf(c.transport.Scheme(), c.addr) }

// candidates are the pairs to try, in the order of their time. The error is that of a
// Dial: there is none in common, or none of another node.
func (t *Transport) candidates(list string) ([]candidate, error) {
	full := t.split(list)
	if len(full) == 0 {
		return nil, &transport.NetworkError{Op: "dial", Addr: list, Err: ErrNoTransport}
	}
	arranged := t.config.Arrange(full)
	if len(arranged) == 0 {
		return nil, &transport.RefusedError{Err: transport.ErrSelf}
	}
	all := t.schedule(t.hosts(arranged))
	return all[:min(len(all), maxCandidates)], nil
}

// split returns the addresses of a list whose scheme is known, those without one for each
// transport.
func (t *Transport) split(list string) []string {
	var full []string
	for one := range strings.SplitSeq(list, ",") {
		scheme, addr := transport.SplitAddr(strings.TrimSpace(one))
		for _, known := range t.config.Transports {
			one := transport.JoinAddr(known.Scheme(), addr)
			if addr != "" && (scheme == "" || scheme == known.Scheme()) && !slices.Contains(full, one) {
				full = append(full, one)
			}
		}
	}
	return full
}

// hosts are the candidates of each host, the preferred transport first, in the order in
// which the addresses name hosts.
func (t *Transport) hosts(full []string) [][]candidate {
	var hosts [][]candidate
	index := make(map[string]int)
	for _, one := range full {
		scheme, addr := transport.SplitAddr(one)
		rank := slices.IndexFunc(t.config.Transports, func(known transport.Transport) bool { return known.Scheme() == scheme })
		if rank < 0 {
			continue
		}
		c := candidate{transport: t.config.Transports[rank], addr: addr, rank: rank}
		i, known := index[c.place().host]
		if !known {
			i = len(hosts)
			index[c.place().host] = i
			hosts = append(hosts, nil)
		}
		hosts[i] = append(hosts[i], c)
	}
	for _, of := range hosts {
		slices.SortStableFunc(of, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	}
	return hosts
}

// schedule gives the candidates of each host their time. Those that are blocked come after
// all others.
func (t *Transport) schedule(hosts [][]candidate) []candidate {
	var open, shut []candidate
	now, headStart := time.Now(), t.config.HeadStart
	step := min(headStart, spread/time.Duration(max(1, len(hosts)-1)))
	var last time.Duration
	for i, host := range hosts {
		at := time.Duration(i) * step
		for _, c := range host {
			if t.blocked.has(c.place(), now) {
				shut = append(shut, c)
				continue
			}
			c.at = at
			open = append(open, c)
			last, at = max(last, at), at+headStart
		}
	}
	slices.SortStableFunc(open, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
	if len(open) > 0 {
		last += headStart
	}
	for i := range shut {
		shut[i].at = last + time.Duration(i)*step
	}
	return append(open, shut...)
}
