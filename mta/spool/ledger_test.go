package spool

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// fact is something that a user of the spool did or was told.
type fact struct {
	kind   factKind
	mid    uint64
	owner  int
	body   string
	states []State            // of factUpdating: the states afterwards
	found  map[uint64][]State // of factOpened
}

type factKind string

const (
	factGiven    factKind = "given"    // a message ID
	factBegun    factKind = "begun"    // a commit
	factStored   factKind = "stored"   // the commit returned
	factRefused  factKind = "refused"  // it failed
	factUndone   factKind = "undone"   // an update failed
	factUpdating factKind = "updating" // an update begins
	factUpdated  factKind = "updated"  // it returned
	factSynced   factKind = "synced"   // all that the owner did is on stable storage
	factKilled   factKind = "killed"
	factClosed   factKind = "closed"
	factOpened   factKind = "opened"
)

// ledger is what must be, and what may be, in the spool.
type ledger struct {
	messages map[uint64]*known
	given    uint64
	slack    time.Duration // how much longer than SyncInterval the disk may take for a state
}

// known is what is known of a message.
type known struct {
	owner   int
	body    string
	stored  bool
	refused bool
	steps   []known1 // the first is without any state
}

// known1 is a message's states after an update.
type known1 struct {
	states  []State
	at      time.Time // when the update returned; zero: it did not
	durable bool
}

func newLedger(slack time.Duration) *ledger {
	return &ledger{messages: make(map[uint64]*known), slack: slack}
}

func (l *ledger) clone() *ledger {
	c := *l
	c.messages = maps.Clone(l.messages)
	for mid, k := range c.messages {
		k2 := *k
		k2.steps = slices.Clone(k.steps)
		c.messages[mid] = &k2
	}
	return &c
}

func (l *ledger) learn(f *fact, now time.Time) {
	k := l.messages[f.mid]
	switch f.kind {
	case factGiven:
		l.given = max(l.given, f.mid)
	case factBegun:
		l.messages[f.mid] = &known{owner: f.owner, body: f.body, steps: []known1{{states: f.states, durable: true}}}
	case factStored:
		k.stored = true
	case factRefused:
		k.refused = true
	case factUndone:
		k.steps = k.steps[:len(k.steps)-1]
	case factUpdating:
		k.steps = append(k.steps, known1{states: f.states})
	case factUpdated:
		k.steps[len(k.steps)-1].at = now
	case factSynced, factClosed:
		for mid, k := range l.messages {
			if f.kind != factClosed && k.owner != f.owner {
				continue
			}
			if k.refused { // and will never be there again
				delete(l.messages, mid)
			}
			k.settle(func(s *known1) bool { return !s.at.IsZero() })
		}
	case factKilled: // what was not durable by now never becomes it by the mere passing of time
		for _, k := range l.messages {
			k.settle(func(s *known1) bool { return l.late(s, now) })
			for i := range k.steps {
				k.steps[i].at = time.Time{}
			}
		}
	case factOpened:
		l.opened(f.found)
	}
}

// late says that an update must be durable by now.
func (l *ledger) late(s *known1, now time.Time) bool {
	return s.durable || !s.at.IsZero() && now.Sub(s.at) > SyncInterval+l.slack
}

// settle marks the steps as durable that are, by what it is asked.
func (k *known) settle(durable func(s *known1) bool) {
	for i := range k.steps {
		k.steps[i].durable = k.steps[i].durable || durable(&k.steps[i])
	}
}

// opened settles all that was in doubt by what a start found.
func (l *ledger) opened(found map[uint64][]State) {
	for mid, k := range l.messages {
		states, there := found[mid]
		if !there {
			delete(l.messages, mid)
			continue
		}
		k.stored, k.owner, k.steps = !k.refused, int(mid)%clients, []known1{{states: states, durable: true}}
	}
}

// compare judges what a start finds and returns it.
func (l *ledger) compare(s *Spool, now time.Time) (map[uint64][]State, error) {
	found := make(map[uint64][]State)
	var faults []error
	err := s.Messages(func(m Message) error {
		if found[m.MID] != nil {
			faults = append(faults, fmt.Errorf("message %d is handed over twice", m.MID))
		}
		found[m.MID] = m.States
		k := l.messages[m.MID]
		if k == nil {
			faults = append(faults, fmt.Errorf("message %d, which nobody wrote or which is finished, is there", m.MID))
			return nil
		}
		if k.refused {
			return nil // its long content may be gone already
		}
		return k.readBack(s, m)
	})
	if err != nil {
		faults = append(faults, err)
	}
	for mid, k := range l.messages {
		states, there := found[mid]
		if err := l.judge(k, states, there, now); err != nil {
			faults = append(faults, fmt.Errorf("message %d: %w", mid, err))
		}
	}
	if p := s.Problems(); len(p) > 0 {
		faults = append(faults, fmt.Errorf("problems %q", p))
	}
	if mid := s.NextMID(); mid <= l.given {
		faults = append(faults, fmt.Errorf("message ID %d is given out after %d", mid, l.given))
	}
	return found, errors.Join(faults...)
}

// readBack compares a message's content.
func (k *known) readBack(s *Spool, m Message) error {
	if len(m.Recipients) != len(k.steps[0].states) || m.Size != int64(len(k.body)) {
		return fmt.Errorf("message %d has another envelope: %+v", m.MID, m.Envelope)
	}
	r, err := s.Open(m.MID)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("message %d: %w", m.MID, err)
	}
	if string(b) != k.body {
		return fmt.Errorf("message %d: a content of %d bytes instead of %d", m.MID, len(b), len(k.body))
	}
	return nil
}

// judge says whether a message may be as it is found.
func (l *ledger) judge(k *known, states []State, there bool, now time.Time) error {
	from := 0
	for i := range k.steps {
		if l.late(&k.steps[i], now) {
			from = i
		}
	}
	possible := k.steps[from:]
	if !there {
		if !k.stored || slices.ContainsFunc(possible, func(s known1) bool { return allDone(s.states) }) {
			return nil
		}
		return errors.New("it is missing")
	}
	if slices.ContainsFunc(possible, func(s known1) bool { return !allDone(s.states) && slices.Equal(s.states, states) }) {
		return nil
	}
	var want strings.Builder
	for _, s := range possible {
		fmt.Fprintf(&want, " %v", s.states)
	}
	return fmt.Errorf("states %v instead of one of%s", states, want.String())
}

func allDone(states []State) bool {
	return !slices.ContainsFunc(states, func(s State) bool { return !s.Done })
}
