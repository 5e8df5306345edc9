package login

import (
	"syscall"
	"time"
)

// run is what one mail run came to.
type run struct {
	rate    float64 // messages accepted a second
	ours    float64 // processor seconds of the appliance, a message
	harness float64 // of the generator and of the crowd's own client, a message
}

// spent is the processor time of the appliance and of this process.
type spent struct{ ours, harness time.Duration }

func (b *bench) spent() (spent, error) {
	ours, err := b.posthouse.ProcessorTime()
	if err != nil {
		return spent{}, err
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return spent{}, err
	}
	return spent{ours, time.Duration(u.Utime.Nano() + u.Stime.Nano())}, nil
}

// pair is a run without the crowd and one with it.
type pair struct{ without, with run }

// rates is the ratio of the rates as they are: the crowd's client is paid for by the same processors.
func (p pair) rates() float64 { return p.with.rate / p.without.rate }

// processors is the same by processor time, which other work of the machine hardly changes.
func (p pair) processors() float64 {
	return (p.without.ours + p.without.harness) / (p.with.ours + p.with.harness)
}

// appliance is what the rate would be with the crowd's client on another machine: the generator costs what it costs alone.
func (p pair) appliance() float64 {
	return (p.without.ours + p.without.harness) / (p.with.ours + p.without.harness)
}
