package discovery

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/transport/refusal"
)

// dnsPause is between two lookups, and dnsTimeout bounds one. The answers of a cluster's
// own name server are good for 5 to 30 seconds.
var dnsPause = pause{alone: 2 * time.Second, together: 30 * time.Second}

const dnsTimeout = 5 * time.Second

// Resolver looks names up, as *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// DNS hints at all addresses that a name has. It looks them up again and again: every two
// seconds while the node is alone, every 30 s otherwise, give or take half.
type DNS struct {
	// Lookup is a host, whose A and AAAA records are taken with the port that follows it
	// (HOST:PORT) or [DefaultPort]; or, if it begins with an underscore, the name of SRV
	// records (RFC 2782), which say both.
	Lookup string
	// Resolver is asked. Default: the system's.
	Resolver Resolver
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// Name is "dns:" and the name that is looked up.
func (d *DNS) Name() string { return "dns:" + d.Lookup }

// Run implements [Source].
func (d *DNS) Run(ctx context.Context, site Site) {
	complaint := complaint{log: d.Logger, what: "cannot look up nodes", how: d.Name()}
	for {
		addrs, err := d.lookup(ctx)
		if ctx.Err() == nil {
			complaint.say(err)
		}
		hint(site, d.Name(), addrs)
		if !dnsPause.wait(ctx, site) {
			return
		}
	}
}

func (d *DNS) resolver() Resolver {
	if d.Resolver == nil {
		return net.DefaultResolver
	}
	return d.Resolver
}

// lookup returns all addresses. An error may come with some of them.
func (d *DNS) lookup(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	if strings.HasPrefix(d.Lookup, "_") {
		return d.services(ctx)
	}
	host, port := d.Lookup, strconv.Itoa(DefaultPort)
	if h, p, err := net.SplitHostPort(d.Lookup); err == nil {
		host, port = h, p
	}
	return hosts(ctx, d.resolver(), host, port)
}

// services returns the addresses of all targets of SRV records, MaxAddresses at most:
// each target is another lookup.
func (d *DNS) services(ctx context.Context) ([]string, error) {
	_, records, err := d.resolver().LookupSRV(ctx, "", "", d.Lookup)
	failures := []error{err}
	var all []string
	for _, r := range records[:min(len(records), MaxAddresses)] {
		addrs, err := hosts(ctx, d.resolver(), strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
		failures = append(failures, err)
		all = append(all, addrs...)
	}
	return all, errors.Join(failures...)
}

// hosts returns all addresses that a host has, with the port.
func hosts(ctx context.Context, resolver Resolver, host, port string) ([]string, error) {
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	all := make([]string, 0, len(ips))
	for _, ip := range ips {
		all = append(all, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return all, err
}

// hint hints at addresses, or at some of them at random if they are too many.
func hint(site Site, how string, addrs []string) {
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	for _, addr := range addrs[:min(len(addrs), MaxAddresses)] {
		site.Hint(Hint{Addr: addr, How: how})
	}
}

// complaint says what goes wrong when it begins to, when it is something else, and when
// it is over; not more often than once a minute, however often it comes and goes.
type complaint struct {
	log  *slog.Logger // nil: nothing is said
	what string
	how  string
	last string // what was said last; empty if all is well, or nothing was said yet
	rate refusal.Throttle
}

func (c *complaint) say(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == c.last || c.log == nil {
		return
	}
	if err == nil {
		c.log.Info("nodes can be looked up again", "how", c.how)
	} else if unlogged, say := c.rate.Next(time.Now()); say {
		c.log.Warn(c.what, "how", c.how, "err", err, "unlogged", unlogged)
	} else {
		return
	}
	c.last = text
}
