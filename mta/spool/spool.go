// Package spool owns the messages on stable storage: one checksummed file a message, committed before the 250, appended
// to as recipients are done or deferred, and removed when all are done. It knows no SMTP and schedules nothing; inbound,
// queue and outbound import it, and it imports leaves only. The format is in docs/spool.md.
//
// What holds at every instant, whatever step fails or the power does: a message whose Commit returned is there whole; an
// Update that returned is there; nothing of a message that was not committed is ever taken for one.
package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

var (
	// ErrFull says that the disk has no room (or the quota none): the peer is told to come later.
	ErrFull = errors.New("no space left for the spool")
	// ErrNotFound says that the spool holds no such message.
	ErrNotFound = errors.New("no such message in the spool")
	// ErrDamaged says that a message's file does not hold what was written.
	ErrDamaged = errors.New("damaged message file")
	// ErrNewer says that the spool was written by a later version, and is left alone.
	ErrNewer = errors.New("spool was written by a later version")
	// ErrUnfinished says that a message still has recipients to deliver to.
	ErrUnfinished = errors.New("message has recipients that are not done")
	// ErrInUse says that another process has the spool open.
	ErrInUse = errors.New("spool is in use by another process")
)

// Options of Open.
type Options struct {
	Files FileSystem // nil: the operating system's; tests make its steps fail
}

// Spool is an open spool folder. All methods may be called from many goroutines at once.
type Spool struct {
	dir     string
	files   FileSystem
	lock    *os.File
	mids    *Sequence
	folders folderSyncs
	used    atomic.Int64 // bytes of all message files
	closed  atomic.Bool

	mu       sync.Mutex
	entries  map[uint64]*entry // the messages that are known to be there
	found    []uint64          // what Open found, until Messages reads it
	problems []string
}

// entry is what is remembered of a message. Its mutex orders the writes to the message's file.
type entry struct {
	mu      sync.Mutex
	known   bits  // recipient IDs
	waiting bits  // recipient IDs that are not done
	end     int64 // where the next state record goes
	size    int64 // bytes that count in used
	gone    bool
}

// Open opens the spool in dir, which is created where needed, and takes it for this process alone (ErrInUse).
// ErrNewer when a later version wrote it. What Commit never finished is removed. The caller then calls Messages once
// before anything else, and Close in the end.
func Open(dir string, opts Options) (*Spool, error) {
	s := &Spool{dir: dir, files: opts.Files, entries: make(map[uint64]*entry)}
	if s.files == nil {
		s.files = osFiles{}
	}
	s.folders.sync = s.files.SyncFolder
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open spool %q: %w", dir, errors.Join(full(err), s.release()))
	}
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
	return s.list()
}

// prepare checks the format and makes the folders that are not there.
func (s *Spool) prepare() error {
	if err := checkFormat(s.dir); err != nil {
		return err
	}
	for _, d := range []string{"damaged", "messages"} {
		if err := s.files.Mkdir(filepath.Join(s.dir, d)); err != nil {
			return err
		}
	}
	for i := range shards {
		if err := s.files.Mkdir(s.shard(i)); err != nil {
			return err
		}
	}
	if err := s.files.SyncFolder(filepath.Join(s.dir, "messages")); err != nil {
		return err
	}
	if err := s.files.SyncFolder(s.dir); err != nil {
		return err
	}
	return s.files.SyncFolder(filepath.Dir(s.dir))
}

// list finds the messages and removes what was never committed.
func (s *Spool) list() error {
	for i := range shards {
		names, err := s.files.List(s.shard(i))
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasSuffix(name, tempSuffix) {
				if err := s.files.Remove(filepath.Join(s.shard(i), name)); err != nil {
					return err
				}
				continue
			}
			if mid, ok := midOf(name); ok && s.path(mid) == filepath.Join(s.shard(i), name) {
				s.found = append(s.found, mid)
			}
		}
	}
	slices.Sort(s.found)
	if n := len(s.found); n > 0 {
		s.mids.raise(s.found[n-1])
	}
	return nil
}

// Close gives the spool back. Writers that are open fail.
func (s *Spool) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if err := errors.Join(s.mids.Close(), s.release()); err != nil {
		return fmt.Errorf("close spool %q: %w", s.dir, err)
	}
	return nil
}

func (s *Spool) release() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
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

// Usage is the kilobytes that messages take on disk, and those that are free there for us.
func (s *Spool) Usage() (usedKB, freeKB int64) {
	free, _, err := s.files.Space(s.dir)
	if err != nil {
		free = 0
	}
	return (s.used.Load() + 1023) / 1024, free / 1024
}
