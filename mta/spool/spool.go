// Package spool owns the messages on stable storage: an append-only log of segments, into which many sessions' messages go with
// one write and one sync, committed before the 250; records of what became of them; and the cleaning that drops what is
// finished. It knows no SMTP and schedules nothing; inbound, queue and outbound import it, and it imports leaves only.
// The format is in docs/spool.md.
//
// What holds at every instant, whatever step fails or the power does: a message whose Commit returned is there whole; an
// Update is there SyncInterval later at most; nothing of a message that was not committed is ever taken for one.
//
// A message's way through the package: writer.go, commit.go, append.go, entry.go, read.go, body.go, state.go, clean.go; and over
// a restart recover.go, scan.go, index.go, learn.go, handover.go; damage.go if need be.
package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrFull says that the disk has no room (or the quota none): the peer is told to come later.
	ErrFull = errors.New("no space left for the spool")
	// ErrNotFound says that the spool holds no such message.
	ErrNotFound = errors.New("no such message in the spool")
	// ErrDamaged says that the disk does not hold what was written.
	ErrDamaged = errors.New("damaged message")
	// ErrNewer says that the spool was written by a later version, and is left alone.
	ErrNewer = errors.New("spool was written by a later version")
	// ErrOlder says that the spool has messages in a form that is not read any more, and is left alone.
	ErrOlder = errors.New("spool has messages of an earlier version: let that one deliver them first")
	// ErrInUse says that another process has the spool open.
	ErrInUse = errors.New("spool is in use by another process")
	// ErrStalled says that the disk does not take what is to be recorded. It is recorded as soon as it does.
	ErrStalled = errors.New("the disk does not take what is to be recorded")
)

// Options of Open.
type Options struct {
	Files       FileSystem // nil: the operating system's; tests make its steps fail
	SegmentSize int64      // bytes at which a new segment is begun; 0: 64 MiB

	inline     int64         // longest content in the log, for tests; 0: maxInline
	indexEvery time.Duration // for tests; 0: indexInterval
}

// Spool is an open spool folder. All methods may be called from many goroutines at once.
type Spool struct {
	dir         string
	files       FileSystem
	segmentSize int64
	inline      int64
	indexEvery  time.Duration
	lock        *os.File
	mids        *Sequence
	used        atomic.Int64 // bytes of the log and of long messages
	room        room
	updates     [64]sync.Mutex // by MID: one update of a message at a time

	wake    chan struct{} // there is something to write; holds one token
	dirty   chan struct{} // there may be something to clean; holds one token
	ended   chan struct{} // closed by Close
	stopped chan struct{} // closed when run has returned
	swept   chan struct{} // closed when sweep has returned
	timer   *time.Timer   // run's own, as is the next
	buffer  []byte

	mu       sync.Mutex // guards everything below
	entries  map[uint64]entry
	fresh    map[uint64]*item // the latest states that are not on stable storage yet
	segments map[uint64]*segment
	cur      *segment              // to which run appends; nil: none yet
	last     uint64                // number of the latest segment
	found    uint64                // number of the latest segment that Open found
	handed   bool                  // Messages has run
	unread   int                   // segments that could not be read
	next     *batch                // what is written next
	writing  *batch                // what is being written; nil: nothing
	expected int                   // messages that may come at the same time, as far as the last batches tell
	want     int                   // messages for which gather waits
	hurry    bool                  // the next batch is not to wait
	closing  bool                  // nothing new is taken
	draining bool                  // and what is left is tried once
	trouble  error                 // why the latest batch failed; nil: it did not
	orphans  []uint64              // finished messages with a file of their own
	copies   map[uint64][]*segment // where else messages lie: while a rewrite goes on, and after a death in the middle of one
	problems []string
}

// Open opens the spool in dir, which is created where needed, and takes it for this process alone (ErrInUse).
// ErrNewer when a later version wrote it. The caller then calls Messages once, and Close in the end.
func Open(dir string, opts Options) (*Spool, error) {
	s := &Spool{
		dir: dir, files: opts.Files, segmentSize: opts.SegmentSize, inline: opts.inline, indexEvery: opts.indexEvery,
		wake: make(chan struct{}, 1), dirty: make(chan struct{}, 1),
		ended: make(chan struct{}), stopped: make(chan struct{}), swept: make(chan struct{}),
		timer:   time.NewTimer(time.Hour),
		entries: make(map[uint64]entry), fresh: make(map[uint64]*item), segments: make(map[uint64]*segment), next: newBatch(),
		copies: make(map[uint64][]*segment),
	}
	if s.files == nil {
		s.files = osFiles{}
	}
	if s.segmentSize == 0 {
		s.segmentSize = segmentSize
	}
	if s.inline == 0 {
		s.inline = maxInline
	}
	if s.indexEvery == 0 {
		s.indexEvery = indexInterval
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open spool %q: %w", dir, errors.Join(full(err), s.closeFiles()))
	}
	go s.run()
	go s.sweep()
	s.tidy()
	return s, nil
}

func (s *Spool) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lock(filepath.Join(s.dir, "lock")); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if s.mids, err = openSequence(filepath.Join(s.dir, "mid"), s.files); err != nil {
		return err
	}
	return s.recover()
}

// prepare checks the format and makes the folders that are not there.
func (s *Spool) prepare() error {
	if err := checkFormat(s.dir); err != nil {
		return err
	}
	for _, d := range []string{"damaged", "large", "log"} {
		if err := s.files.Mkdir(filepath.Join(s.dir, d)); err != nil {
			return err
		}
	}
	if err := s.files.SyncFolder(s.dir); err != nil {
		return err
	}
	return s.files.SyncFolder(filepath.Dir(s.dir))
}

// Close writes what is left to be recorded and gives the spool back. Writers that are open fail.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	close(s.ended)
	s.rouse()
	<-s.swept // it may be in a rewrite, for which run is needed
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.rouse()
	<-s.stopped
	s.indexAll()
	err := errors.Join(s.unwritten(), s.mids.Close(), s.closeFiles())
	if err != nil {
		return fmt.Errorf("close spool %q: %w", s.dir, err)
	}
	return nil
}

// rouse has run look at what there is to write.
func (s *Spool) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// unwritten is the error of a disk that did not take the last states.
func (s *Spool) unwritten() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.next.items); n > 0 {
		return fmt.Errorf("%d records are lost: %w", n, s.trouble)
	}
	return nil
}

// closeFiles closes the files.
func (s *Spool) closeFiles() error {
	var faults []error
	for _, g := range s.segments {
		faults = append(faults, g.f.Close())
	}
	if s.lock != nil {
		faults = append(faults, s.lock.Close())
	}
	return errors.Join(faults...)
}

// NextMID gives out the next message ID; no ID is ever given out twice, whatever happens to the process.
func (s *Spool) NextMID() uint64 { return s.mids.Next() }

// LastMID is the latest ID given out.
func (s *Spool) LastMID() uint64 { return s.mids.Current() }

// Problems names what was found damaged since Open, in the operator's words.
func (s *Spool) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

func (s *Spool) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// Trouble is why the disk did not take what was written last; nil when it did. While there is some, messages are refused.
func (s *Spool) Trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return full(s.trouble)
}

// Usage is the kilobytes that messages take on disk, and those that are free there for us.
func (s *Spool) Usage() (usedKB, freeKB int64) {
	free, _, err := s.files.Space(s.dir)
	if err != nil {
		free = 0
	}
	return (s.used.Load() + 1023) / 1024, free / 1024
}
