package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// cell is one server's runs of one workload.
type cell struct {
	workload, mta string
	runs          []Result
}

// cells sorts the runs by workload and server.
func cells(all []Result) []cell {
	var list []cell
	for _, r := range all {
		i := slices.IndexFunc(list, func(c cell) bool { return c.workload == r.Workload && c.mta == r.MTA })
		if i < 0 {
			i = len(list)
			list = append(list, cell{workload: r.Workload, mta: r.MTA})
		}
		list[i].runs = append(list[i].runs, r)
	}
	slices.SortStableFunc(list, func(a, b cell) int {
		if a.workload != b.workload {
			return order(a.workload) - order(b.workload)
		}
		return strings.Compare(a.mta, b.mta)
	})
	return list
}

// order is the place of a workload in the table; what is not there stands at the end.
func order(name string) int {
	list := workloads()
	if i := slices.IndexFunc(list, func(w workload) bool { return w.name == name }); i >= 0 {
		return i
	}
	return len(list)
}

// values are a figure of the runs that succeeded.
func (c cell) values(figure func(Result) float64) []float64 {
	var v []float64
	for _, r := range c.runs {
		if r.Error == "" {
			v = append(v, figure(r))
		}
	}
	return v
}

// span is the median with the least and the greatest.
func (c cell) span(figure func(Result) float64) string { return span(c.values(figure)) }

func (c cell) median(figure func(Result) float64) float64 {
	m, _, _ := median(c.values(figure))
	return m
}

func (c cell) sum(figure func(Result) int64) (n int64) {
	for _, r := range c.runs {
		n += figure(r)
	}
	return n
}

// faults is the sums of lost, twice, damaged and late, and how many runs failed.
func (c cell) faults() string {
	s := fmt.Sprintf("%d/%d/%d/%d", c.sum(func(r Result) int64 { return r.Lost }), c.sum(func(r Result) int64 { return r.Dup }),
		c.sum(func(r Result) int64 { return r.Corrupt }), c.sum(func(r Result) int64 { return r.Undelivered }))
	if failed := c.sum(func(r Result) int64 { return int64(min(len(r.Error), 1)) }); failed > 0 {
		s += fmt.Sprintf(" (%d of %d runs failed: %s)", failed, len(c.runs), c.firstError())
	}
	return s
}

func (c cell) firstError() string {
	for _, r := range c.runs {
		if r.Error != "" {
			return cut(r.Error)
		}
	}
	return ""
}

// traced tells whether the runs are strace's.
func (c cell) traced() bool {
	return slices.ContainsFunc(c.runs, func(r Result) bool { return r.Fsyncs != nil })
}

func median(v []float64) (m, least, greatest float64) {
	if len(v) == 0 {
		return 0, 0, 0
	}
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]
}

func span(v []float64) string {
	m, least, greatest := median(v)
	switch len(v) {
	case 0:
		return "-"
	case 1:
		return number(m)
	}
	return fmt.Sprintf("%s (%s-%s)", number(m), number(least), number(greatest))
}

// number has three significant digits or so.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// some is the number, or "none" where there is none.
func some(x float64) string {
	if x == 0 {
		return "none"
	}
	return number(x)
}

// report prints the tables of results files.
func report(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	base := flags.String("base", "postfix", "the server that the table of ratios compares the others with")
	files, err := parseWords(flags, args)
	if err != nil {
		return err
	}
	var all []Result
	for _, file := range files {
		read, err := readResults(file)
		if err != nil {
			return err
		}
		all = append(all, read...)
	}
	_, err = fmt.Fprint(out, tables(all), ratios(all, *base))
	return err
}

func readResults(file string) ([]Result, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Result
	for d := json.NewDecoder(f); ; {
		var r Result
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, r)
	}
}
