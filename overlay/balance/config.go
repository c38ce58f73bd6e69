package balance

import "time"

// Config configures a [Balancer]. A zero field means its default.
type Config struct {
	Decay       time.Duration // of latencies. Default 10 s
	ReportLife  time.Duration // of reported loads. Default 1 s
	FaultLife   time.Duration // of the share of faults. Default 5 s
	FaultWeight float64       // how many times dearer nothing but faults is, less one. Default 99
	Penalty     time.Duration // of a refusal, as latency. Default 100 ms
	PenaltyLife time.Duration // Default 1 s
}

func (c Config) withDefaults() Config {
	c.Decay = orDefault(c.Decay, 10*time.Second)
	c.ReportLife = orDefault(c.ReportLife, time.Second)
	c.FaultLife = orDefault(c.FaultLife, 5*time.Second)
	c.FaultWeight = orDefault(c.FaultWeight, 99)
	c.Penalty = orDefault(c.Penalty, 100*time.Millisecond)
	c.PenaltyLife = orDefault(c.PenaltyLife, time.Second)
	return c
}

func orDefault[T time.Duration | float64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
