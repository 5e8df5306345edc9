package login

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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

func (p *process) spent() (spent, error) {
	ours, err := processorTime(p.cmd.Process.Pid)
	if err != nil {
		return spent{}, err
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return spent{}, err
	}
	return spent{ours, time.Duration(u.Utime.Nano() + u.Stime.Nano())}, nil
}

// processorTime reads utime and stime of proc_pid_stat(5), in hundredths of a second.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	var sum int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond, nil
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
