package main

import (
	"fmt"
	"slices"
	"strings"
)

// ratios prints how many times the figures of the base server each other server reached. Run is compared with run, the first
// with the first: they were made side by side. Runs under strace are left out, they say nothing about time.
func ratios(all []Result, base string) string {
	var b strings.Builder
	list := slices.DeleteFunc(cells(all), func(c cell) bool { return c.traced() || c.workload == "W6" })
	header := false
	for _, c := range list {
		i := slices.IndexFunc(list, func(o cell) bool { return o.workload == c.workload && o.mta == base })
		if i < 0 || c.mta == base {
			continue
		}
		if !header {
			fmt.Fprintf(&b, "| times %s | MTA | pairs | accepted/s | relayed/s | CPU a message | DATA p99 | accepted/s of direct |\n|---|---|---|---|---|---|---|---|\n", base)
			header = true
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(ratioRow(c, list[i], ofDirect(c, list)), " | "))
	}
	if header {
		b.WriteByte('\n')
	}
	b.WriteString(drainRatios(all))
	return b.String()
}

func ratioRow(c, base cell, share string) []string {
	pairs := paired(c, base)
	of := func(figure func(Result) float64) string {
		var v []float64
		for _, p := range pairs {
			if below := figure(p[1]); below > 0 {
				v = append(v, figure(p[0])/below)
			}
		}
		return span(v)
	}
	return []string{c.workload, c.mta, fmt.Sprint(len(pairs)), of(acceptRate), of(relayRate), of(cpuPerK), of(dataP99), share}
}

// paired returns the nth run of each with the nth of the other, where both succeeded.
func paired(a, b cell) (pairs [][2]Result) {
	for i := range min(len(a.runs), len(b.runs)) {
		if a.runs[i].Error == "" && b.runs[i].Error == "" {
			pairs = append(pairs, [2]Result{a.runs[i], b.runs[i]})
		}
	}
	return pairs
}

// ofDirect is the accept rate as a share of the generator's alone, where that was measured.
func ofDirect(c cell, list []cell) string {
	i := slices.IndexFunc(list, func(o cell) bool { return o.workload == c.workload && o.mta == direct })
	if i < 0 || c.mta == direct {
		return "-"
	}
	return ratioRow(c, list[i], "")[3]
}

// drainRatios sets the drain rate with a backlog (W6) against the relay rate without one (W1), for each server that has both.
func drainRatios(all []Result) string {
	list := cells(all)
	var b strings.Builder
	for _, c := range list {
		i := slices.IndexFunc(list, func(o cell) bool { return o.workload == "W1" && o.mta == c.mta })
		if c.workload != "W6" || i < 0 || list[i].median(relayRate) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s: W6 drains at %s times the relay rate of W1\n", c.mta, number(c.median(drainRate)/list[i].median(relayRate)))
	}
	return b.String()
}
