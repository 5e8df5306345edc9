package main

import (
	"fmt"
	"slices"
	"strings"
)

// tables prints every run: a row a server and workload, and a table for each kind of workload.
func tables(all []Result) string {
	var plain, backlogs, dead, single, traced []cell
	for _, c := range cells(all) {
		switch {
		case c.traced():
			traced = append(traced, c)
		case c.workload == "W6":
			backlogs = append(backlogs, c)
		case c.workload == "W7":
			single = append(single, c)
		case c.workload == "W8":
			dead = append(dead, c)
		default:
			plain = append(plain, c)
		}
	}
	var b strings.Builder
	table(&b, plain, plainRow, "workload", "MTA", "runs", "accept msg/s", "relay msg/s", "DATA p50 ms", "DATA p99 ms", "CPU s/1000 msg",
		"peak RSS MiB (PSS)", "disk KiB/msg", "lost/dup/corrupt/late", "4xx")
	table(&b, single, singleRow, "W7", "runs", "connect to 250 ms", "DATA ms", "connect to last of 1000 at the sink ms", "transactions at the sink",
		"CPU s", "lost/dup/corrupt/late")
	table(&b, backlogs, backlogRow, "W6", "accepted", "accept msg/s", "DATA p50/p99 ms", "RSS idle MiB", "RSS queued MiB (PSS)", "bytes a message",
		"restart s", "RSS after restart MiB", "bytes a message", "first out s", "drain s", "drain msg/s", "CPU s/1000", "lost/dup/corrupt/late")
	table(&b, dead, deadRow, "W8", "runs", "dead queued", "accept msg/s alone", "beside", "ratio", "relay msg/s alone", "beside", "ratio",
		"DATA p99 ms alone", "beside", "lost/dup/corrupt/late")
	table(&b, traced, tracedRow, "sync calls", "MTA", "messages", "a message", "calls")
	return b.String()
}

// table prints one table, if it has rows.
func table(b *strings.Builder, rows []cell, row func(cell) []string, heads ...string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, c := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row(c), " | "))
	}
	b.WriteByte('\n')
}

func acceptRate(r Result) float64 { return r.AcceptRate }
func relayRate(r Result) float64  { return r.RelayRate }
func dataP50(r Result) float64    { return r.DataP50ms }
func dataP99(r Result) float64    { return r.DataP99ms }
func cpuPerK(r Result) float64    { return r.CPUPerK }
func drainRate(r Result) float64  { return r.DrainRate }

func plainRow(c cell) []string {
	rss, pss := c.median(func(r Result) float64 { return r.PeakRSSMiB }), c.median(func(r Result) float64 { return r.PeakPSSMiB })
	disk := c.median(func(r Result) float64 { return r.DiskMiB * 1024 / max(1, float64(r.Accepted)) })
	return []string{c.workload, c.mta, fmt.Sprint(len(c.runs)), c.span(acceptRate), c.span(relayRate), c.span(dataP50), c.span(dataP99), c.span(cpuPerK),
		fmt.Sprintf("%s (%s)", number(rss), number(pss)), number(disk), c.faults(), fmt.Sprint(c.sum(func(r Result) int64 { return r.TempFail }))}
}

func singleRow(c cell) []string {
	return []string{c.mta, fmt.Sprint(len(c.runs)), c.span(func(r Result) float64 { return r.WholeP50ms }), c.span(dataP50),
		c.span(func(r Result) float64 { return r.RelaySec * 1000 }), number(c.median(func(r Result) float64 { return float64(r.SinkTxns) })),
		c.span(func(r Result) float64 { return r.CPUUser + r.CPUSys }), c.faults()}
}

func backlogRow(c cell) []string {
	of := c.span
	return []string{c.mta, of(func(r Result) float64 { return float64(r.Accepted) }), of(acceptRate), of(dataP50) + " / " + of(dataP99),
		of(func(r Result) float64 { return r.IdleRSS }),
		fmt.Sprintf("%s (%s)", of(func(r Result) float64 { return r.BacklogRSS }), of(func(r Result) float64 { return r.BacklogPSS })),
		of(func(r Result) float64 { return r.BytesPerMsg }), of(func(r Result) float64 { return r.RestartSec }),
		of(func(r Result) float64 { return r.RestartRSS }), of(func(r Result) float64 { return r.RestartPer }),
		some(c.median(func(r Result) float64 { return r.FirstOutSec })), some(c.median(func(r Result) float64 { return r.DrainSec })),
		some(c.median(drainRate)), of(cpuPerK), c.faults()}
}

func deadRow(c cell) []string {
	return []string{c.mta, fmt.Sprint(len(c.runs)), c.span(func(r Result) float64 { return float64(r.Dead) }),
		c.span(func(r Result) float64 { return r.AloneAccept }), c.span(acceptRate),
		c.span(func(r Result) float64 { return r.AcceptRate / r.AloneAccept }),
		c.span(func(r Result) float64 { return r.AloneRelay }), c.span(relayRate),
		c.span(func(r Result) float64 { return r.RelayRate / r.AloneRelay }),
		c.span(func(r Result) float64 { return r.AloneP99ms }), c.span(dataP99), c.faults()}
}

func tracedRow(c cell) []string {
	calls := map[string]int64{}
	for _, r := range c.runs {
		for name, n := range r.Fsyncs {
			calls[name] += n
		}
	}
	var list []string
	for name, n := range calls {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return []string{c.workload, c.mta, fmt.Sprint(c.sum(func(r Result) int64 { return r.Accepted })),
		c.span(func(r Result) float64 { return r.FsyncPerMsg }), strings.Join(list, ", ")}
}
