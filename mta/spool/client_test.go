package spool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	slowest = 4 * time.Millisecond // sync of the disks here
	slack   = 5 * slowest          // what a state may wait for the disk, on top of SyncInterval
)

// crashOptions make a small spool in which everything happens often.
func crashOptions(d FileSystem) Options {
	return Options{Files: d, SegmentSize: 4 << 10, inline: 1000, indexEvery: 40 * time.Millisecond}
}

// variant is a spool over a disk, perhaps a wrong one.
type variant struct {
	wrap   func(d *disk) FileSystem // nil: the disk itself
	faults bool                     // the disk fails sometimes
	spoil  func(s *Spool)           // nil: nothing
}

// open opens the spool on a disk.
func (v *variant) open(d *disk) (*Spool, error) {
	var files FileSystem = d
	if v.wrap != nil {
		files = v.wrap(d)
	}
	s, err := Open(d.root, crashOptions(files))
	if err == nil && v.spoil != nil {
		v.spoil(s)
	}
	return s, err
}

// client is one user of the spool, with messages of its own.
type client struct {
	id   int
	s    *Spool
	d    *disk
	r    *rand.Rand
	mine map[uint64][]State
}

const clients = 4

// live runs a spool through some lives, which end by an orderly stop or by the death of the process, and judges what each
// start finds.
func (v *variant) live(t *testing.T, d *disk, r *rand.Rand, lives, actions int) (err error) {
	synctest.Test(t, func(t *testing.T) {
		paces := rand.New(rand.NewPCG(r.Uint64(), 3))
		d.paces(func() time.Duration { return time.Duration(paces.Int64N(int64(slowest))) })
		for range lives {
			d.revive(deaths(r, actions))
			if err = v.life(d, r, actions); err != nil {
				return
			}
		}
		d.paces(nil)
	})
	return err
}

// sometimes makes a step fail now and then, and some of those after it.
func sometimes(r *rand.Rand) func(what stepKind, path string) error {
	left := 0
	return func(what stepKind, path string) error {
		if left == 0 && r.IntN(150) == 0 {
			left = 1 + r.IntN(4)
		}
		if left == 0 || path == "mid" {
			return nil
		}
		left--
		return syscall.EIO
	}
}

// deaths chooses when the process is killed: at a step of some kind, at any, or not at all.
func deaths(r *rand.Rand, actions int) (left int, fatal stepKind) {
	list := []stepKind{"", stepSync, stepSync, stepFolder, stepRemove, stepWrite}
	switch n := r.IntN(len(list) + 2); {
	case n >= len(list):
		return -1, ""
	case list[n] == "":
		return 20 + r.IntN(20*actions), ""
	case list[n] == stepSync || list[n] == stepWrite:
		return r.IntN(2 * actions), list[n]
	default:
		return r.IntN(actions / 2), list[n]
	}
}

func (v *variant) life(d *disk, r *rand.Rand, actions int) error {
	s, err := v.open(d)
	if err != nil {
		if errors.Is(err, errDead) {
			return nil
		}
		return err
	}
	found, err := d.ledger.compare(s, time.Now())
	if err != nil {
		if d.killed() {
			err = nil
		}
		d.kill()
		s.Close()
		return err
	}
	d.tell(fact{kind: factOpened, found: found})
	if v.faults {
		d.fails(sometimes(rand.New(rand.NewPCG(r.Uint64(), 4))))
	}
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for i := range clients {
		c := &client{id: i, s: s, d: d, r: rand.New(rand.NewPCG(r.Uint64(), 2)), mine: make(map[uint64][]State)}
		for mid, states := range found {
			if int(mid)%clients == i {
				c.mine[mid] = states
			}
		}
		wg.Go(func() { errs[i] = c.work(actions) })
	}
	wg.Wait()
	d.fails(nil)
	if err := s.Close(); err == nil {
		d.tell(fact{kind: factClosed})
	}
	d.kill()
	return errors.Join(errs...)
}

// work does something again and again until the process is dead.
func (c *client) work(actions int) error {
	for range actions {
		err := c.act()
		if errors.Is(err, errDead) || c.d.killed() {
			return nil
		}
		if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, ErrStalled) {
			return err
		}
		if c.r.IntN(4) == 0 {
			time.Sleep(time.Duration(c.r.Int64N(int64(15 * time.Millisecond))))
		}
	}
	return nil
}

func (c *client) act() error {
	mid, ok := c.pick()
	switch n := c.r.IntN(100); {
	case n < 40 || !ok:
		return c.put()
	case n < 94:
		return c.update(mid)
	case n < 97:
		return c.read(mid)
	}
	if err := c.s.Sync(); err != nil {
		return err
	}
	c.d.tell(fact{kind: factSynced, owner: c.id})
	return nil
}

// pick chooses one of the client's messages. Some stay long: half of those in every other stretch, so that there are segments
// that need the finished records of others, which have nothing else.
func (c *client) pick() (uint64, bool) {
	for mid := range c.mine { // in no order
		if mid/16%2 == 0 && mid%2 == 0 && c.r.IntN(20) > 0 {
			continue
		}
		if mid%13 != 0 || c.r.IntN(8) == 0 {
			return mid, true
		}
	}
	return 0, false
}

// put stores a message, long or short, or gives it up.
func (c *client) put() error {
	mid := c.s.NextMID()
	c.d.tell(fact{kind: factGiven, mid: mid})
	size := c.r.IntN(400)
	if c.r.IntN(8) == 0 {
		size = c.r.IntN(3000)
	}
	body := strings.Repeat(fmt.Sprint("message ", mid, "\r\n"), size/10)
	w, err := c.s.Create(mid)
	if err != nil {
		return err
	}
	defer w.Abort()
	for rest := body; len(rest) > 0; {
		n := min(700, len(rest))
		if _, err := w.Write([]byte(rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if c.r.IntN(12) == 0 {
		return nil
	}
	n := 1
	if c.r.IntN(3) == 0 {
		n = 1 + c.r.IntN(4)
	}
	c.d.tell(fact{kind: factBegun, mid: mid, owner: c.id, body: body, states: make([]State, n)})
	if err := w.Commit(envelope(n)); err != nil {
		c.d.tell(fact{kind: factRefused, mid: mid})
		return err
	}
	c.d.tell(fact{kind: factStored, mid: mid})
	c.mine[mid] = make([]State, n)
	return nil
}

// update records something of a message's recipients.
func (c *client) update(mid uint64) error {
	states := append([]State(nil), c.mine[mid]...)
	var list []Update
	for rid := range states {
		if c.r.IntN(2) == 0 {
			continue
		}
		st := State{Done: c.r.IntN(3) > 0, Attempts: 1 + c.r.IntN(9), Next: timeOf(c.r.Uint64N(1 << 40)), LastError: strings.Repeat("e", c.r.IntN(80))}
		list = append(list, Update{RID: rid, State: st})
		states[rid] = states[rid].next(st)
	}
	c.d.tell(fact{kind: factUpdating, mid: mid, states: states})
	finished, err := c.s.Update(mid, list...)
	switch {
	case errors.Is(err, ErrStalled): // it is recorded when the disk takes it
	case err != nil:
		c.d.tell(fact{kind: factUndone, mid: mid})
		return err
	default:
		c.d.tell(fact{kind: factUpdated, mid: mid})
	}
	if finished != allDone(states) {
		return fmt.Errorf("message %d: finished is %v with %v", mid, finished, states)
	}
	c.mine[mid] = states
	if finished {
		delete(c.mine, mid)
	}
	return nil
}

// read compares a message as it is now.
func (c *client) read(mid uint64) error {
	m, err := c.s.Message(mid)
	if err != nil {
		return err
	}
	if fmt.Sprint(m.States) != fmt.Sprint(c.mine[mid]) {
		return fmt.Errorf("message %d has states %v instead of %v", mid, m.States, c.mine[mid])
	}
	return nil
}
