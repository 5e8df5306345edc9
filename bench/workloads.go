package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"posthouse/bench/rig"
)

// workload is a row of the table.
type workload struct {
	name, what string
	load       rig.Load
	tlsOut     bool                                      // the sink requires STARTTLS
	measure    func(t *trial, ctx context.Context) error // what is done between the server's start and its end
}

const kib = 1024

// workloads is the table. A name with a slash is one of several that are asked for by what stands before it.
func workloads() []workload {
	w1 := rig.Load{N: 500_000, Size: 4 * kib, Sessions: 50, PerSession: 100, Rcpts: 1}
	w2, w5, w6, w8 := w1, w1, w1, w1
	w2.PerSession = 1
	w3 := w2
	w3.StartTLS = true
	w5.N, w5.Size = 100_000, 100*kib
	list := []workload{
		{"W1", "4 KiB, 1 recipient, 50 sessions, 100 messages a connection", w1, false, (*trial).plain},
		{"W2", "the same, a new connection a message", w2, false, (*trial).plain},
		{"W3", "W2 with STARTTLS in, full handshakes", w3, false, (*trial).plain},
		{"W4", "W3, and the sink requires STARTTLS", w3, true, (*trial).plain},
		{"W5", "W1 with 100 KiB", w5, false, (*trial).plain},
		{"W6", "W1 with the sink down; a restart; then the sink up", w6, false, (*trial).backlog},
		{"W7", "1 message, 1000 recipients in 200 domains",
			rig.Load{N: 1, Size: 4 * kib, Sessions: 1, PerSession: 1, Rcpts: 1000, Domains: 200}, false, (*trial).plain},
		{"W8", "W1 without and with many messages queued for a dead destination", w8, false, (*trial).deadBeside},
	}
	for _, sessions := range []int{1, 8, 50, 400} {
		w9 := w1
		w9.Sessions = sessions
		list = append(list, workload{fmt.Sprintf("W9/%d", sessions), "W1 with that many sessions", w9, false, (*trial).plain})
	}
	return list
}

// choose returns the workloads of a list of names.
func choose(names string) ([]workload, error) {
	var chosen []workload
	for name := range strings.SplitSeq(names, ",") {
		before := len(chosen)
		for _, w := range workloads() {
			if group, _, _ := strings.Cut(w.name, "/"); w.name == name || group == name {
				chosen = append(chosen, w)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("%w: no workload %q", errUsage, name)
		}
	}
	return chosen, nil
}

// shape is the load of the workload with the name, which there must be.
func shape(name string) rig.Load {
	list := workloads()
	return list[slices.IndexFunc(list, func(w workload) bool { return w.name == name })].load
}
