package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runs are three rounds of two servers and the generator alone, in the order in which a campaign makes them.
func runs() []Result {
	return []Result{
		{Workload: "W1", MTA: "ours", Round: 0, Accepted: 10, AcceptRate: 1000, RelayRate: 800, DataP50ms: 1, DataP99ms: 2, CPUPerK: 0.5},
		{Workload: "W1", MTA: "postfix", Round: 0, Accepted: 10, AcceptRate: 100, RelayRate: 100, DataP50ms: 8, DataP99ms: 10, CPUPerK: 4},
		{Workload: "W1", MTA: "direct", Round: 0, Accepted: 10, AcceptRate: 4000, RelayRate: 4000},
		{Workload: "W1", MTA: "postfix", Round: 1, Error: "no greeting\nlast words"},
		{Workload: "W1", MTA: "ours", Round: 1, AcceptRate: 3000, RelayRate: 9, DataP99ms: 9, CPUPerK: 9, Lost: 1, Dup: 2, Corrupt: 3, Undelivered: 4, TempFail: 5},
		{Workload: "W1", MTA: "ours", Round: 2, AcceptRate: 2000, RelayRate: 1600, DataP50ms: 3, DataP99ms: 3, CPUPerK: 1},
		{Workload: "W1", MTA: "postfix", Round: 2, AcceptRate: 400, RelayRate: 200, DataP99ms: 6, CPUPerK: 2},
	}
}

func TestTables(t *testing.T) {
	out := tables(runs())
	for _, want := range []string{
		"| W1 | ours | 3 | 2000 (1000-3000) | 800 (9.00-1600) | 1.00 (0.00-3.00) | 3.00 (2.00-9.00) | 1.00 (0.50-9.00) | 0.00 (0.00) | 0.00 | 1/2/3/4 | 5 |\n",
		"| W1 | postfix | 3 | 250 (100-400) |",
		"| 0/0/0/0 (1 of 3 runs failed: no greeting) |",
		"| W1 | direct | 1 | 4000 | 4000 |",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestOtherTables has a row of each kind.
func TestOtherTables(t *testing.T) {
	out := tables([]Result{
		{Workload: "W6", MTA: "ours", Accepted: 1000, AcceptRate: 500, IdleRSS: 20, BacklogRSS: 30, BytesPerMsg: 380, RestartSec: 2.5, RestartRSS: 25,
			RestartPer: 120, DrainRate: 700, DrainSec: 9, FirstOutSec: 0.25},
		{Workload: "W6", MTA: "stuck", Accepted: 10},
		{Workload: "W7", MTA: "ours", Accepted: 1, WholeP50ms: 15, RelaySec: 0.5, SinkTxns: 20, CPUUser: 0.25},
		{Workload: "W8", MTA: "ours", Dead: 5000, AloneAccept: 1000, AcceptRate: 900, AloneRelay: 800, RelayRate: 400, AloneP99ms: 5, DataP99ms: 7},
		{Workload: "W1", MTA: "ours", Accepted: 2000, FsyncPerMsg: 0.05, Fsyncs: map[string]int64{"fsync": 4, "fdatasync": 96}},
	})
	for _, want := range []string{
		"| ours | 1000 | 500 | 0.00 / 0.00 | 20.0 | 30.0 (0.00) | 380 | 2.50 | 25.0 | 120 | 0.25 | 9.00 | 700 | 0.00 | 0/0/0/0 |\n",
		"| none | none | none | 0.00 | 0/0/0/0 |\n",
		"| ours | 1 | 15.0 | 0.00 | 500 | 20.0 | 0.25 | 0/0/0/0 |\n",
		"| ours | 1 | 5000 | 1000 | 900 | 0.90 | 800 | 400 | 0.50 | 5.00 | 7.00 | 0/0/0/0 |\n",
		"| W1 | ours | 2000 | 0.05 | fdatasync 96, fsync 4 |\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestRatios compares round with round: the failed one has no pair, and the second of ours is not held against the third of the other.
func TestRatios(t *testing.T) {
	all := append(runs(), Result{Workload: "W6", MTA: "ours", DrainRate: 1600}, Result{Workload: "W6", MTA: "other", DrainRate: 1})
	out := ratios(all, "postfix")
	for _, want := range []string{
		"| W1 | ours | 2 | 7.50 (5.00-10.0) | 8.00 (8.00-8.00) | 0.31 (0.12-0.50) | 0.35 (0.20-0.50) | 0.25 |\n",
		"| W1 | direct | 1 | 40.0 | 40.0 | 0.00 | 0.00 | - |\n",
		"ours: W6 drains at 2.00 times the relay rate of W1\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := ratios(runs(), "exim"); out != "" {
		t.Errorf("without the base server: %s", out)
	}
}

func TestVerdict(t *testing.T) {
	for _, bad := range []Result{{Error: "x"}, {Lost: 1}, {Corrupt: 1}, {Dup: 1}} {
		if verdict([]Result{{}, bad}) == nil {
			t.Errorf("%+v is no fault", bad)
		}
	}
	if err := verdict([]Result{{}, {Undelivered: 1, Ghost: 1, TempFail: 1}}); err != nil {
		t.Error(err)
	}
}

func TestPercentile(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(100-i)*time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{0: time.Millisecond, 50: 50 * time.Millisecond, 99: 99 * time.Millisecond, 100: 100 * time.Millisecond} {
		if got := percentile(d, p); got != want {
			t.Errorf("p%v is %v, want %v", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("a percentile of nothing")
	}
}

func TestChoose(t *testing.T) {
	for names, want := range map[string]string{"W1": "W1", "W9,W2": "W9/1 W9/8 W9/50 W9/400 W2", "W9/8": "W9/8"} {
		list, err := choose(names)
		var got []string
		for _, w := range list {
			got = append(got, w.name)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", names, got, err, want)
		}
	}
	for _, names := range []string{"", "W10", "W1,,W2", "W9/"} {
		if _, err := choose(names); err == nil {
			t.Errorf("%q is taken", names)
		}
	}
}

// TestReport reads results back, and says of a file what is wrong with it.
func TestReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.jsonl")
	var text bytes.Buffer
	for _, r := range runs() {
		if err := json.NewEncoder(&text).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dispatch(t.Context(), []string{"report", "-base", "ours", file}, &out); err != nil {
		t.Fatal(err)
	}
	if want := tables(runs()) + ratios(runs(), "ours"); out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	if err := os.WriteFile(file, text.Bytes()[:text.Len()-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dispatch(t.Context(), []string{"report", file}, &out); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a torn file: %v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"load", "word"}, {"kill", "-rounds", "x"}} {
		if err := dispatch(t.Context(), args, &bytes.Buffer{}); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
