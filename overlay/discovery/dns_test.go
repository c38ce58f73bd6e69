package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/logtest"
)

// zone is a name server.
type zone struct {
	mu      sync.Mutex
	hosts   map[string][]string
	records map[string][]*net.SRV
	down    bool
	silent  bool // it never answers
	asked   int
}

func (z *zone) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if z.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	if z.down || z.hosts[host] == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host}
	}
	var all []netip.Addr
	for _, a := range z.hosts[host] {
		all = append(all, netip.MustParseAddr(a))
	}
	return all, nil
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if service != "" || proto != "" || z.records[name] == nil {
		return "", nil, errors.New("no such service")
	}
	return name, z.records[name], nil
}

func TestAllRecordsAreDialled(t *testing.T) {
	z := &zone{
		hosts: map[string][]string{
			"nodes": {"10.0.0.1", "10.0.0.2", "2001:db8::1"}, "mapped": {"::ffff:10.0.0.9"}, "one.nodes": {"10.0.0.3"},
		},
		records: map[string][]*net.SRV{"_iris._udp.nodes": {{Target: "one.nodes.", Port: 7}, {Target: "gone.", Port: 8}, {Target: "nodes", Port: 9}}},
	}
	for _, row := range []struct{ lookup, want string }{
		{"nodes", "10.0.0.1:14142 10.0.0.2:14142 [2001:db8::1]:14142"},
		{"nodes:999", "10.0.0.1:999 10.0.0.2:999 [2001:db8::1]:999"},
		{"mapped", "10.0.0.9:14142"},
		{"_iris._udp.nodes", "10.0.0.1:9 10.0.0.2:9 10.0.0.3:7 [2001:db8::1]:9"},
		{"nobody", ""},
	} {
		t.Run(row.lookup, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(nil)
				find(t, n, nil, &DNS{Lookup: row.lookup, Resolver: z})
				time.Sleep(100 * time.Millisecond)
				if got := n.dialed(); got != row.want {
					t.Errorf("dialled %s, want %s", got, row.want)
				}
			})
		})
	}
}

// A name is looked up again and again, more rarely by a node that has company, not by all
// nodes together, and what goes wrong is said once.
func TestNamesAreLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		z := &zone{hosts: map[string][]string{"nodes": {"10.0.0.1"}}, down: true}
		n := newNetwork(map[string]transport.PeerID{"10.0.0.1:14142": one})
		find(t, n, &log, &DNS{Lookup: "nodes", Resolver: z, Logger: logger(&log)})
		lookups := func(d time.Duration) int {
			z.mu.Lock()
			before := z.asked
			z.mu.Unlock()
			time.Sleep(d)
			synctest.Wait()
			z.mu.Lock()
			defer z.mu.Unlock()
			return z.asked - before
		}
		if k := lookups(time.Minute); k < 20 || k > 60 {
			t.Errorf("alone: %d lookups a minute", k)
		}
		z.mu.Lock()
		z.down = false
		z.mu.Unlock()
		lookups(4 * time.Second)
		if n.Others() != 1 {
			t.Error("the node is not found when its name is there")
		}
		if k := lookups(10 * time.Minute); k < 10 || k > 40 {
			t.Errorf("together: %d lookups in ten minutes", k)
		}
		n.lose()
		if lookups(4 * time.Second); n.Others() != 1 {
			t.Error("alone again, it does not look sooner")
		}
		if bad, good := strings.Count(log.String(), "cannot look up nodes"), strings.Count(log.String(), "can be looked up again"); bad != 1 || good != 1 {
			t.Errorf("said %d and %d times, want once each:\n%s", bad, good, log.String())
		}
	})
}

// A name server that does not answer is asked again, and whoever closes need not wait for
// it, nor read of it in the log.
func TestASilentNameServer(t *testing.T) {
	for _, row := range []struct {
		after time.Duration
		said  int
	}{{dnsTimeout - 1, 0}, {2 * dnsTimeout, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var log logtest.Journal
			dns := &DNS{Lookup: "nodes", Resolver: &zone{silent: true}, Logger: logger(&log)}
			f := Start(Config{Network: newNetwork(nil), Sources: []Source{dns}})
			time.Sleep(row.after)
			begin := time.Now()
			f.Close()
			if n := strings.Count(log.String(), "cannot look up nodes"); n != row.said || time.Since(begin) != 0 {
				t.Errorf("after %v closed in %v, and said %d times: %s", row.after, time.Since(begin), n, log.String())
			}
		})
	}
}

// Each target of a service is a lookup of its own: there is a bound to them.
func TestAServiceOfTooManyTargets(t *testing.T) {
	z := &zone{hosts: map[string][]string{"one": {"10.0.0.1"}}, records: map[string][]*net.SRV{}}
	for port := range 2 * MaxAddresses {
		z.records["_iris"] = append(z.records["_iris"], &net.SRV{Target: "one.", Port: uint16(port)})
	}
	addrs, err := (&DNS{Lookup: "_iris", Resolver: z}).lookup(t.Context())
	if err != nil || len(addrs) != MaxAddresses || z.asked != MaxAddresses {
		t.Errorf("%d addresses of %d lookups, %v; want %d", len(addrs), z.asked, err, MaxAddresses)
	}
}

// Those that are taken are some at random, so that a node which finds nobody at some tries
// others the next time.
func TestOfTooManyAddressesOthersAreTakenEachTime(t *testing.T) {
	f := &Finder{hints: make(chan Hint, 2*MaxAddresses)}
	var all []string
	for i := range 4 * MaxAddresses {
		all = append(all, fmt.Sprint("host", i, ":1"))
	}
	taken := make(map[string]bool)
	for range 2 {
		hint(site{f, newNetwork(nil)}, "dns:nodes", slices.Clone(all))
	}
	for range 2 * MaxAddresses {
		h := <-f.hints
		taken[h.Addr] = true
		if h.How != "dns:nodes" {
			t.Fatalf("hint %+v", h)
		}
	}
	if len(taken) == MaxAddresses {
		t.Error("the same addresses were taken twice")
	}
}

func TestOfTooManyAddressesSomeAreTaken(t *testing.T) {
	z := &zone{hosts: map[string][]string{"nodes": nil}}
	for i := range 1000 {
		z.hosts["nodes"] = append(z.hosts["nodes"], fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250))
	}
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		f := find(t, n, nil, &DNS{Lookup: "nodes", Resolver: z})
		time.Sleep(time.Second)
		synctest.Wait()
		if dropped := f.dropped.Load(); dropped > 0 {
			t.Errorf("%d hints were dropped of %d that fit", dropped, MaxAddresses)
		}
	})
}
