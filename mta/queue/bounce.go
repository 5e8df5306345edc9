package queue

import (
	"context"
	"errors"
	"fmt"
)

// Bounce gives the chosen recipients up as an operator wishes: their senders are told as after any other failure that is
// final. Those whose delivery is under way are left to it. When ctx ends or a notice cannot be written, what is counted is
// done and the rest is left.
func (q *Queue) Bounce(ctx context.Context, f Filter, p Progress) (Changed, error) {
	c := &change{q: q, filter: f, progress: p, write: q.bounceAll}
	return c.run(ctx)
}

// errNotFinal says that a recipient waits on although it was to be given up.
var errNotFinal = errors.New("its sender cannot be told, so it waits on")

// bounceAll is Bounce for one message. It returns the count of recipients for whom it is final.
func (q *Queue) bounceAll(mid uint64, tasks []*Task) (final int, err error) {
	for _, task := range tasks {
		if err := q.load(task); err != nil {
			return final, err
		}
		for _, r := range q.settle(nil, 0, task, everyone(task, Hard, byOperator())) {
			if r.outcome == Hard {
				final++
			} else {
				err = fmt.Errorf("MID %d: %w", mid, errNotFinal)
			}
		}
	}
	return final, err
}

// byOperator is why a recipient is given up that nobody refused.
func byOperator() *Failure {
	return &Failure{
		Class: "5.3.0", Title: "Other mail system problem", Status: "5.3.0", Kind: Other,
		Lines: []string{"bounced by the administrator"},
	}
}
