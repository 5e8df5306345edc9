package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"posthouse/bench/rig"
)

// Result is one run of one workload with one server; a line of JSON in the results file.
type Result struct {
	Workload, MTA, Version string
	Round                  int
	Time                   string
	Error                  string `json:",omitempty"`

	Accepted    int64
	AcceptSec   float64
	AcceptRate  float64 // messages answered 250, a second
	RelaySec    float64
	RelayRate   float64 // messages a second until the sink had the last
	DataP50ms   float64
	DataP99ms   float64
	WholeP50ms  float64
	WholeP99ms  float64
	CPUUser     float64
	CPUSys      float64
	CPUPerK     float64 // CPU seconds for 1000 messages
	HarnessCPU  float64
	PeakRSSMiB  float64 // sum over processes, shared pages counted in each
	PeakPSSMiB  float64 // shared pages split
	PeakProcs   int64
	DiskMiB     float64 // the whole machine, until the sink had all
	Lost, Dup   int64   // lost: acknowledged and not at the sink when the run ended
	Ghost       int64   // at the sink, never acknowledged
	Corrupt     int64
	Undelivered int64 // as Lost, but the time limit ended the wait
	TempFail    int64
	PermFail    int64
	ConnErr     int64
	Unknown     int64
	Flushes     int
	SinkConns   int64
	SinkTLS     int64
	SinkTxns    int64
	FirstErr    string           `json:",omitempty"`
	StartSec    float64          // start with an empty queue, to the greeting
	FsyncPerMsg float64          `json:",omitempty"`
	Fsyncs      map[string]int64 `json:",omitempty"`

	IdleRSS float64 // MiB, before the first message

	// W6, the backlog.
	BacklogRSS  float64 `json:",omitempty"` // MiB with everything queued and the sink down
	BacklogPSS  float64 `json:",omitempty"`
	BytesPerMsg float64 `json:",omitempty"` // BacklogRSS above IdleRSS, by message
	RestartSec  float64 `json:",omitempty"` // restart with the backlog, to the greeting
	RestartRSS  float64 `json:",omitempty"` // MiB 3 s after that
	RestartPer  float64 `json:",omitempty"` // RestartRSS above IdleRSS, bytes by message
	DrainSec    float64 `json:",omitempty"` // from the sink's coming up, and flush, to the last message
	DrainRate   float64 `json:",omitempty"`
	FirstOutSec float64 `json:",omitempty"` // to the first message

	// W8, the dead destination: the counts above are of the live load beside it, these of the load before it.
	Dead        int64   `json:",omitempty"` // messages queued for the dead destination
	AloneAccept float64 `json:",omitempty"`
	AloneRelay  float64 `json:",omitempty"`
	AloneP99ms  float64 `json:",omitempty"`
}

func mib(bytes int64) float64              { return float64(bytes) / (1 << 20) }
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// percentile is that of the sample, which need not be sorted.
func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	i := int(float64(len(sorted))*p/100+0.5) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Round(time.Microsecond)
}

// ownCPU is the seconds of user and system time of the harness.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// loaded takes over what the generator saw.
func (r *Result) loaded(l *rig.LoadResult) {
	r.Accepted = l.Acked
	r.AcceptSec = l.End.Sub(l.Start).Seconds()
	r.AcceptRate = float64(l.Acked) / r.AcceptSec
	r.DataP50ms, r.DataP99ms = milliseconds(percentile(l.Data, 50)), milliseconds(percentile(l.Data, 99))
	r.WholeP50ms, r.WholeP99ms = milliseconds(percentile(l.Whole, 50)), milliseconds(percentile(l.Whole, 99))
	r.TempFail, r.PermFail, r.ConnErr, r.Unknown, r.FirstErr = l.TempFail, l.PermFail, l.ConnErr, l.Unknown, l.FirstErr
}

// arrived takes over what the sink saw. Where the wait for it was given up, what is missing counts as late and not as lost.
func (r *Result) arrived(t *rig.Tracker, gaveUp bool) {
	r.Lost, r.Ghost = t.Check()
	if gaveUp {
		r.Undelivered, r.Lost = r.Lost, 0
	}
	r.Dup, r.Corrupt, r.SinkTxns = t.Dups.Load(), t.Corrupt.Load(), t.Transactions.Load()
}

// line is the run in short.
func (r *Result) line() string {
	if r.Error != "" {
		return fmt.Sprintf("%-6s %-16s r%d ERROR %s", r.Workload, r.MTA, r.Round, r.Error)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-6s %-16s r%d accepted %d %.0f/s relay %.0f/s p50 %.1f p99 %.1f ms cpu %.2f/k harness %.1f s rss %.0f MiB disk %.0f MiB",
		r.Workload, r.MTA, r.Round, r.Accepted, r.AcceptRate, r.RelayRate, r.DataP50ms, r.DataP99ms, r.CPUPerK, r.HarnessCPU, r.PeakRSSMiB, r.DiskMiB)
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"LOST", r.Lost}, {"late", r.Undelivered}, {"twice", r.Dup}, {"DAMAGED", r.Corrupt}, {"ghosts", r.Ghost}, {"4xx", r.TempFail},
		{"5xx", r.PermFail}, {"connection errors", r.ConnErr}, {"unanswered", r.Unknown}, {"flushes", int64(r.Flushes)},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, " %s %d", c.name, c.n)
		}
	}
	if r.FirstErr != "" {
		fmt.Fprintf(&b, " (first error: %s)", cut(r.FirstErr))
	}
	return b.String() + r.extra()
}

// extra is what only some workloads have.
func (r *Result) extra() string {
	switch {
	case r.Fsyncs != nil:
		return fmt.Sprintf(" | sync calls %v = %.3f a message", r.Fsyncs, r.FsyncPerMsg)
	case r.BacklogRSS > 0:
		return fmt.Sprintf(" | rss idle %.0f queued %.0f MiB (%.0f bytes a message), restart %.2f s %.0f MiB, drain %.1f s %.0f/s", r.IdleRSS,
			r.BacklogRSS, r.BytesPerMsg, r.RestartSec, r.RestartRSS, r.DrainSec, r.DrainRate)
	case r.Dead > 0:
		return fmt.Sprintf(" | beside %d dead ones; alone %.0f/s relay %.0f/s p99 %.1f ms", r.Dead, r.AloneAccept, r.AloneRelay, r.AloneP99ms)
	}
	return ""
}

// cut is the beginning of the first line.
func cut(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 80)]
}
