package process

import "time"

// Reading is what processes have taken since they were started.
type Reading []usage

// Read looks at processes, one after the other. It fails with errors.ErrUnsupported where the
// system does not tell.
func Read(processes []*Process) (Reading, error) {
	r := make(Reading, 0, len(processes))
	for _, p := range processes {
		u, err := readUsage(p.PID())
		if err != nil {
			return nil, p.Failed(err)
		}
		r = append(r, u)
	}
	return r, nil
}

// Spent is what processes have taken together between two readings.
type Spent struct {
	Elapsed   time.Duration // between the two, on average
	Processor time.Duration // user and system
	Switches  int64         // context switches of all threads, voluntary and not
}

// Cores is how many processors they have kept busy.
func (s Spent) Cores() float64 { return s.Processor.Seconds() / s.Elapsed.Seconds() }

// Since returns what the processes have taken since an earlier reading of the same ones.
// Context switches of threads that have ended meanwhile are not known.
func (r Reading) Since(earlier Reading) (s Spent) {
	for i, u := range r {
		s.Elapsed += u.at.Sub(earlier[i].at) / time.Duration(len(r))
		s.Processor += u.processor - earlier[i].processor
		s.Switches += u.switchesSince(earlier[i])
	}
	return s
}
