package trace_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/transport"
)

var (
	work = []byte("work")
	peer = transport.PeerID{1}
)

func sampling(id byte, count int) trace.Sampling {
	return trace.Sampling{ID: trace.SamplingID{id}, Name: "work", Count: count, Every: 1, Time: time.Minute}
}

func arm(t *testing.T, r *trace.Recorder, w trace.Sampling) {
	t.Helper()
	if err := r.Arm(w); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(w.ID); err != nil {
		t.Fatal(err)
	}
}

// records returns those of a sampling.
func records(t *testing.T, r *trace.Recorder, id byte) []trace.Record {
	t.Helper()
	all, err := r.Records(trace.SamplingID{id})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// As many requests are sampled as are wanted, one of so many, of the name alone, until the time is over.
func TestSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r trace.Recorder
		w := sampling(1, 3)
		w.Every = 2
		if err := r.Arm(w); err != nil {
			t.Fatal(err)
		}
		if r.Sample(time.Now(), work) != nil {
			t.Error("it has not started")
		}
		arm(t, &r, w) // again
		var got strings.Builder
		for range 8 {
			if r.Sample(time.Now(), []byte("other")) != nil {
				t.Error("another name is traced")
			}
			if s := r.Sample(time.Now(), work); s != nil {
				got.WriteString("x")
				s.Add(trace.Mark{Step: trace.Read})
			} else {
				got.WriteString("-")
			}
		}
		if got.String() != "x-x-x---" {
			t.Errorf("sampled are %s", got.String())
		}
		all := records(t, &r, 1)
		if len(all) != 3 || all[0].ID == all[1].ID || all[0].ID.Sampling() != w.ID || len(all[0].Marks) != 1 || all[0].Served {
			t.Errorf("records: %+v", all)
		}

		arm(t, &r, sampling(2, 100))
		time.Sleep(time.Minute + 1)
		if r.Sample(time.Now(), work) != nil {
			t.Error("the time is over")
		}
		records(t, &r, 2)
		time.Sleep(time.Minute)
		if _, err := r.Records(trace.SamplingID{2}); !errors.Is(err, trace.ErrUnknown) || r.Armed() {
			t.Errorf("after its time: %v", err)
		}
		if err := r.Start(trace.SamplingID{2}); !errors.Is(err, trace.ErrUnknown) {
			t.Errorf("to start it then: %v", err)
		}
	})
}

func TestArm(t *testing.T) {
	var r trace.Recorder
	for i, change := range []func(w *trace.Sampling){
		func(w *trace.Sampling) { w.Count = 0 }, func(w *trace.Sampling) { w.Count = trace.MaxCount + 1 }, func(w *trace.Sampling) { w.Every = 0 },
		func(w *trace.Sampling) { w.Time = 0 }, func(w *trace.Sampling) { w.Time = trace.MaxTime + 1 },
	} {
		w := sampling(1, 1)
		change(&w)
		if err := r.Arm(w); !errors.Is(err, trace.ErrSampling) {
			t.Errorf("row %d: %v", i, err)
		}
	}
	for i := range byte(trace.MaxSamplings) {
		arm(t, &r, sampling(i, 1))
	}
	if err := r.Arm(sampling(100, 1)); !errors.Is(err, trace.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if n := r.Stats().Refused; n != 6 {
		t.Errorf("%d were refused", n)
	}
	r.Disarm(trace.SamplingID{100}) // which is none
	for i := range byte(trace.MaxSamplings) {
		r.Disarm(trace.SamplingID{i})
	}
	if r.Armed() {
		t.Error("all have ended")
	}
	arm(t, &r, sampling(100, 1))
	r.Disarm(trace.SamplingID{100})
}

// Ids that are not of a sampling for that name are not recorded, nor more of one node than it can need.
func TestJoin(t *testing.T) {
	var r trace.Recorder
	id := append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, "trace id"...)
	if r.Join(id, work, peer) != nil {
		t.Error("nothing is armed")
	}
	if err := r.Arm(sampling(1, 5)); err != nil { // others are joined before it starts
		t.Fatal(err)
	}
	defer r.Disarm(trace.SamplingID{1})
	for name, sent := range map[string][]byte{"none": nil, "short": id[:15], "long": append(id[:16:16], 0), "foreign": append([]byte{2}, id[1:]...)} {
		if r.Join(sent, work, peer) != nil {
			t.Errorf("%s is joined", name)
		}
	}
	if r.Join(id, []byte("other"), peer) != nil {
		t.Error("another name is joined")
	}
	joined := 0
	for range 1000 {
		if j := r.Join(id, work, peer); j != nil {
			joined++
			if joined == 1 {
				j.Add(trace.Mark{Step: trace.Received, Node: peer})
				j.Send()
			}
		}
	}
	if joined != 36 {
		t.Errorf("%d requests of one node are joined", joined)
	}
	if r.Join(id, work, transport.PeerID{2}) == nil {
		t.Error("there is no room for another node")
	}
	for i := range 100 {
		for range 100 {
			r.Join(id, work, transport.PeerID{3, byte(i)})
		}
	}
	all := records(t, &r, 1)
	if len(all) != 1000 || !all[0].Served || all[0].From != peer || len(all[0].Marks) != 2 || r.Stats().Unjoined == 0 {
		t.Errorf("%d records, the first %+v; %+v", len(all), all[0], r.Stats())
	}
}

// Steps beyond the bound are counted, and room for others comes back with the end of a sampling.
func TestStepsAreBounded(t *testing.T) {
	var r trace.Recorder
	for round := range 3 {
		arm(t, &r, sampling(1, 2))
		first, second := r.Sample(time.Now(), work), r.Sample(time.Now(), work)
		const bound = 1 << 14
		for range bound {
			first.Hold(time.Now(), "why")
		}
		second.Deliver(true)
		all := records(t, &r, 1)
		if len(all[0].Marks) != bound || all[1].Unkept != 1 || len(all[1].Marks) != 0 || r.Stats().Unkept != uint64(round+1) {
			t.Errorf("round %d: %d and %d steps, %d missing; %+v", round, len(all[0].Marks), len(all[1].Marks), all[1].Unkept, r.Stats())
		}
		r.Disarm(trace.SamplingID{1})
		first.Forget() // after the end, which is kept nowhere
	}
}

func TestSteps(t *testing.T) {
	var r trace.Recorder
	arm(t, &r, sampling(1, 1))
	defer r.Disarm(trace.SamplingID{1})
	s := r.Sample(time.Now(), work)
	s.Queue(peer, 7)
	s.Refuse(peer, "full")
	s.Return(time.Now(), peer)
	s.Answer(time.Now(), false)
	s.Abandon("gone")
	s.Send()           // which it is not, as it came from no other node
	s.SendBack("full") // nor this
	s.DeliverFault("lost")
	s.TimeOut()
	s.Forget()
	var got []string
	for _, m := range records(t, &r, 1)[0].Marks {
		got = append(got, fmt.Sprintf("%s %s", m.Step, m.Why))
	}
	want := []string{"queued ", "refused full", "returned ", "answered fault", "abandoned gone", "delivered fault: lost", "delivered timeout", "forgotten "}
	if !slices.Equal(got, want) {
		t.Errorf("steps are %q, want %q", got, want)
	}
}

type queue struct{ waiting int }

func (q *queue) Waiting() int {
	if q == nil {
		panic("looked at")
	}
	return q.waiting
}

// What is not traced costs no memory, and changes nothing.
func TestNothingIsArmed(t *testing.T) {
	var r, armed trace.Recorder
	arm(t, &armed, sampling(1, 1))
	defer armed.Disarm(trace.SamplingID{1})
	id, other := make([]byte, 16), []byte("other")
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() {
		for _, s := range []*trace.Trace{r.Sample(now, work), r.Join(id, work, peer), armed.Sample(now, other), armed.Join(id, work, peer)} {
			s.Add(trace.Mark{Step: trace.Read})
			s.Queue(peer, s.Ahead((*queue)(nil)))
			s.Refuse(peer, "")
			s.Return(now, peer)
			s.Hold(s.Now(), "")
			s.Answer(now, true)
			s.Send()
			s.SendBack("")
			s.Abandon("")
			s.Deliver(true)
			s.DeliverFault("")
			s.TimeOut()
			s.Forget()
			if s.ID() != nil {
				t.Error("it has an id")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := armed.Sample(now, work); s.Ahead(&queue{5}) != 5 || len(s.ID()) != 16 || s.Now().IsZero() {
		t.Error("a traced request does not see the queue, has no id, or no time")
	}
}
