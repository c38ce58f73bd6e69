package beacon

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
)

// Source finds nodes by beacons. It implements [discovery.Source].
type Source struct{ config Config }

// New returns a source, which opens its sockets when it is run.
func New(config Config) *Source { return &Source{config.withDefaults()} }

// Name is "beacon", "scan" or both.
func (s *Source) Name() string {
	var names []string
	if s.config.Announce {
		names = append(names, foundByBeacon)
	}
	if s.config.Scan {
		names = append(names, foundByScan)
	}
	return strings.Join(names, " ")
}

// Run implements [discovery.Source].
func (s *Source) Run(ctx context.Context, site discovery.Site) {
	now := time.Now()
	sealer := NewSealer(s.config.Keys...)
	r := &run{
		config: s.config, site: site, sealer: sealer,
		gate:    newGate(s.config.Self, sealer),
		ignored: ignored{log: s.config.Logger},
		station: newStation(now, s.config.Self, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), s.config.Announce, s.config.Scan),
		packets: make(chan received, readBatch),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer r.close()
	defer cancel()
	r.loop(ctx)
}

// run is a source at work. All but the readers is of one goroutine.
type run struct {
	config  Config
	site    discovery.Site
	sealer  *Sealer
	gate    *gate
	ignored ignored
	station *station
	paths   []path
	stamps  stamps

	sockets []*socket
	probes  *net.UDPConn // whose port is its own, so that answers come to this node alone
	packets chan received
	reading sync.WaitGroup
	mute    bool // it was said that there is no socket
}

func (r *run) loop(ctx context.Context) {
	r.look(ctx, time.Now())
	looking := time.NewTicker(lookAfter)
	defer looking.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	retried := r.site.Retried()
	for {
		changed := r.site.Changed()
		r.station.members(time.Now(), r.site.Others())
		if due := r.station.due(); !due.IsZero() {
			timer.Reset(time.Until(due))
		}
		select {
		case <-timer.C:
			r.do(r.station.step(time.Now()))
		case p := <-r.packets:
			r.hear(time.Now(), p)
		case <-looking.C:
			r.look(ctx, time.Now())
		case <-changed:
		case <-retried:
			retried = r.site.Retried()
			r.station.retry(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// close ends the sockets and their readers.
func (r *run) close() {
	for _, s := range r.sockets {
		s.conn.Close()
	}
	if r.probes != nil {
		r.probes.Close()
	}
	r.reading.Wait()
}

// look sees to it that there are sockets, and that they use the interfaces that there are
// now.
func (r *run) look(ctx context.Context, now time.Time) {
	opened := r.open(ctx)
	paths, err := paths(r.config.Bind)
	if err != nil {
		r.config.Logger.Debug("interfaces cannot be looked at", "err", err)
		return
	}
	if !opened && slices.EqualFunc(paths, r.paths, path.equal) {
		return
	}
	r.paths = paths
	var own []netip.Prefix
	var names []string
	for _, p := range paths {
		own = append(own, p.addrs...)
		names = append(names, p.name)
	}
	for _, s := range r.sockets {
		if err := s.join(paths); err != nil {
			r.config.Logger.Debug("beacons are not heard everywhere", "err", err)
		}
	}
	r.config.Logger.Debug("beacons go out", "interfaces", strings.Join(names, " "))
	r.station.moved(now, own)
}

// open opens the sockets, if there are none. It reports whether it did.
func (r *run) open(ctx context.Context) bool {
	if len(r.sockets) > 0 {
		return false
	}
	var failures []error
	for _, network := range []string{"udp4", "udp6"} {
		s, err := listen(network)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		r.sockets = append(r.sockets, s)
		r.read(ctx, s.conn)
	}
	if len(r.sockets) == 0 {
		r.complain(errors.Join(failures...))
		return false
	}
	if !r.config.Scan {
		return true
	}
	probes, err := net.ListenUDP("udp4", nil)
	if err != nil {
		r.complain(err)
		return true
	}
	r.probes = probes
	r.read(ctx, probes)
	return true
}

// complain says once that there is no socket.
func (r *run) complain(err error) {
	if !r.mute {
		r.mute = true
		r.config.Logger.Warn("beacons cannot be sent or heard", "port", Port, "err", err)
	}
}

// read starts to read a connection.
func (r *run) read(ctx context.Context, conn *net.UDPConn) {
	r.reading.Go(func() { receive(ctx, conn, r.packets) })
}

// hear takes a packet.
func (r *run) hear(now time.Time, p received) {
	if r.config.Bind.IsLoopback() && !p.from.Addr().Unmap().IsLoopback() {
		return
	}
	b, err := r.gate.admit(now, p.packet)
	if errors.Is(err, ErrOwn) {
		r.hearOwn(b, p.from)
		return
	}
	if err != nil {
		r.ignored.note(now, p.from, err)
		return
	}
	r.config.Heard.Add(1)
	r.do(r.station.hear(now, b, p.from, r.site.Knows(b.ID)))
}

// hearOwn takes a packet with the id of this node. As a rule it has come back; but what has
// other addresses may be of another node that has the same id, which a dial finds out.
func (r *run) hearOwn(b Beacon, from netip.AddrPort) {
	if b.Addresses == fit(r.config.Addresses()) {
		return
	}
	if addr := complete(b.Addresses, from.Addr()); addr != "" {
		r.site.Hint(discovery.Hint{Addr: addr, How: foundByBeacon, After: r.station.delay()})
	}
}

// do does what the station wants done.
func (r *run) do(actions []action) {
	for _, a := range actions {
		switch a.send {
		case Announcement:
			r.announce()
		case Answer:
			r.answer(a.to)
		case Probe:
			r.probe(a.to.Addr())
		default:
			r.site.Hint(a.hint)
		}
	}
}

// announce sends an announcement on all paths: the same packet, so that who hears it twice
// can tell.
func (r *run) announce() {
	packet := r.packet(Announcement)
	for _, s := range r.sockets {
		for _, p := range r.paths {
			r.failed(s.send(p, packet))
		}
	}
}

// answer answers a probe.
func (r *run) answer(to netip.AddrPort) {
	for _, s := range r.sockets {
		if s.group.Addr().Is4() == to.Addr().Unmap().Is4() {
			_, err := s.conn.WriteToUDPAddrPort(r.packet(Answer), to)
			r.failed(err)
		}
	}
}

// probe probes an address.
func (r *run) probe(to netip.Addr) {
	if r.probes == nil {
		return
	}
	_, err := r.probes.WriteToUDPAddrPort(r.packet(Probe), netip.AddrPortFrom(to, Port))
	r.failed(err)
}

// failed notes what could not be sent: the next one may.
func (r *run) failed(err error) {
	if err != nil {
		r.config.Logger.Debug("beacon is not sent", "err", err)
	}
}

// packet returns a new packet of this node.
func (r *run) packet(kind Kind) []byte {
	return r.sealer.Seal(Beacon{
		Kind: kind, Time: r.stamps.next(time.Now()), ID: r.config.Self, Nodes: uint32(r.site.Others() + 1), Addresses: r.config.Addresses(),
	})
}
