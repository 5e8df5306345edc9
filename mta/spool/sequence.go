package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"posthouse/internal/safefile"
)

// Sequence gives out ascending numbers, none twice, over restarts and sudden deaths too. Its file says up to which number
// they may have been given out; after a sudden death it goes on behind that number, so a gap of some hundred is normal.
//
// The file has two slots that are written in turns, in place: that needs no room on a full disk, and a torn write leaves
// the other slot. Should the disk refuse even this, numbers go on in memory: nothing that carries them can reach such a
// disk either.
type Sequence struct {
	mu         sync.Mutex
	f          File
	last       uint64 // given out
	limit      uint64 // numbers up to here are reserved on disk
	generation uint64 // of the latest slot
	closed     bool
}

const (
	slotSize  = 512 // a sector, so that no write touches the other slot
	slots     = 2
	block     = 1000 // numbers reserved at once
	lowWater  = block / 2
	retryEach = 64 // numbers between two tries when reserving fails
)

// OpenSequence opens the sequence kept in the file path, creating it at 0: the first Next is 1.
func OpenSequence(path string) (*Sequence, error) {
	return openSequence(path, osFiles{})
}

func openSequence(path string, files FileSystem) (*Sequence, error) {
	f, err := files.Modify(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = safefile.Write(path, append(slot(0, 0), slot(1, 0)...), 0o600); err == nil {
			f, err = files.Modify(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open sequence %q: %w", filepath.Base(path), full(err))
	}
	s := &Sequence{f: f}
	if err := s.read(); err != nil {
		return nil, fmt.Errorf("open sequence %q: %w", path, errors.Join(err, f.Close()))
	}
	return s, nil
}

const slotFormat = "posthouse sequence 1 %d %d "

// slot is one slot's content: readable text with its checksum, padded with blanks.
func slot(generation, limit uint64) []byte {
	text := fmt.Sprintf(slotFormat, generation, limit)
	text += fmt.Sprintf("%08x", crc32.Checksum([]byte(text), castagnoli))
	return fmt.Appendf(nil, "%-*s\n", slotSize-1, text)
}

func parseSlot(b []byte) (generation, limit uint64, ok bool) {
	text := strings.TrimRight(string(b), " \n")
	if _, err := fmt.Sscanf(text, slotFormat, &generation, &limit); err != nil {
		return 0, 0, false
	}
	return generation, limit, string(slot(generation, limit)) == string(b)
}

// read takes the latest good slot. With none there is no safe number to go on from, and the operator must decide.
func (s *Sequence) read() error {
	b := make([]byte, slotSize)
	found := false
	for i := range slots {
		if _, err := s.f.ReadAt(b, int64(i*slotSize)); err != nil {
			continue
		}
		if generation, limit, ok := parseSlot(b); ok && (!found || generation > s.generation) {
			s.generation, s.limit, found = generation, limit, true
		}
	}
	if !found {
		return fmt.Errorf("%w: no good slot", ErrDamaged)
	}
	s.last = s.limit
	return nil
}

// Next gives out the next number.
func (s *Sequence) Next() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	short := s.last+lowWater > s.limit
	if short && (s.last%retryEach == 1 || s.last > s.limit) {
		s.reserve(s.last + block)
	}
	return s.last
}

// reserve records that numbers up to limit may be given out.
func (s *Sequence) reserve(limit uint64) error {
	if s.closed {
		return fs.ErrClosed
	}
	generation := s.generation + 1
	if _, err := s.f.WriteAt(slot(generation, limit), int64(generation%slots)*slotSize); err != nil {
		return err
	}
	if err := s.f.Datasync(); err != nil {
		return err
	}
	s.generation, s.limit = generation, limit
	return nil
}

// Current is the latest number given out; after a sudden death, one that no number given out before exceeds.
func (s *Sequence) Current() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// raise makes the next number greater than n.
func (s *Sequence) raise(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, n)
}

// Close records the exact number, so that the next start goes on without a gap. Numbers that are asked for afterwards
// may be given out again by the next start.
func (s *Sequence) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.reserve(s.last)
	s.closed = true
	return errors.Join(err, s.f.Close())
}
