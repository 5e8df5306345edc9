package spool

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segmentSize is the length at which a new segment is begun. A batch is never split, so segments may be longer.
const segmentSize = 64 << 20

const (
	segmentSuffix = ".seg"
	indexSuffix   = ".idx"
	outsideSuffix = ".body"
	tempSuffix    = ".tmp"
)

// segment is one file of the log. All but the number and the file is guarded by the Spool's mutex.
type segment struct {
	number uint64
	f      File  // for reading; the writer's own while it is the current one
	size   int64 // what is good of it
	synced int64 // so much was on stable storage for certain
	doubt  int64 // of a segment that a start has read: what stands from here on may not have been

	sealed   bool // nothing is appended any more
	aged     bool // it was sealed some time ago
	indexed  bool
	stuck    bool // something in it is damaged, or behind its end, or it was rewritten: it is neither rewritten nor indexed
	unread   bool // not all of it could be read
	headless bool // its head is damaged
	readers  int
	dropped  bool

	messages int // ever written here
	live     int // of these, those that are not finished and have their content nowhere else
	states   int // records here that are the state in force of such a message
	graves   int // finished records here of messages whose content is in another segment

	finished []uint64         // messages with their content here and their finished record in another segment
	buried   map[*segment]int // how many of these each of the others has
}

// needed is about how many bytes of the segment still count: its messages are taken for equally long.
func (g *segment) needed() int64 {
	each := g.size / int64(max(g.messages, 1))
	return int64(g.live)*each + int64(g.states)*stateEstimate + int64(g.graves)*headSize
}

// stateEstimate is what a state takes that was last told why it waits.
const stateEstimate = 200

// idle says that nothing in the segment counts any more.
func (g *segment) idle() bool {
	return g.sealed && g.live == 0 && g.states == 0 && g.graves == 0
}

// sparse says that so little counts that a rewrite costs less than the room it gives back.
func (g *segment) sparse() bool { return g.sealed && !g.stuck && g.needed() < g.size/4 }

// bury notes that a message with its content here has its finished record in grave.
func (g *segment) bury(mid uint64, grave *segment) {
	if g == grave || g.dropped {
		return
	}
	if g.buried == nil {
		g.buried = make(map[*segment]int)
	}
	g.finished = append(g.finished, mid)
	g.buried[grave]++
	grave.graves++
}

// exhume takes back one bury: the finished record stands elsewhere now.
func (g *segment) exhume(grave *segment) {
	if g.dropped || g.buried[grave] == 0 {
		return
	}
	g.buried[grave]--
	grave.graves--
}

func (s *Spool) logFolder() string { return filepath.Join(s.dir, "log") }

func segmentName(number uint64) string { return fmt.Sprintf("%012d", number) }

func (s *Spool) segmentPath(number uint64) string {
	return filepath.Join(s.logFolder(), segmentName(number)+segmentSuffix)
}

func (s *Spool) indexPath(number uint64) string {
	return filepath.Join(s.logFolder(), segmentName(number)+indexSuffix)
}

// segmentNumber is the segment that a file name stands for.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && n > 0 && segmentName(n) == digits
}

// outsidePath is where the content of a long message lies.
func (s *Spool) outsidePath(mid uint64) string {
	return filepath.Join(s.dir, "large", strconv.FormatUint(mid, 10)+outsideSuffix)
}

// release ends what a reader began when it counted itself among the segment's readers.
func (s *Spool) release(g *segment) {
	s.mu.Lock()
	g.readers--
	last := g.dropped && g.readers == 0
	s.mu.Unlock()
	if last {
		_ = g.f.Close()
	}
}

// ordered is all segments from the oldest on.
func (s *Spool) ordered() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*segment, 0, len(s.segments))
	for _, g := range s.segments {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(int64(a.number) - int64(b.number)) })
	return list
}
