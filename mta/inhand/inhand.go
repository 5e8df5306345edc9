// Package inhand remembers, over a sudden death of the process, which messages were being worked on when it happened: a
// message that makes the process die must not do so at every start. It decides nothing about mail but who is under
// suspicion; the queue tries suspects one at a time, so that at a second death it is known which one it was. Only mta
// imports it.
package inhand

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"posthouse/internal/safefile"
)

const (
	slots = 4096 // messages in hand at once; of more than that the rest is not watched
	size  = 8 * slots
)

// What a death counts against the messages that were in hand. After a fault of the program two are enough. When the
// process was killed from outside, which says little about them, it takes ten.
const (
	byFault    = 5
	byKill     = 1
	parkedFrom = 10
)

// Hand is what the process is working on. Its methods may be called from many goroutines at once.
type Hand struct {
	dir  string
	page []byte // the file, in memory: what is written here outlives the process, though not the machine

	mu     sync.Mutex // guards everything below
	free   []int
	scores map[uint64]int // of suspects
}

// Found is what Open learned about the life before.
type Found struct {
	Died   bool
	Fault  string   // what the runtime said of a fault of the program; empty: it was killed from outside
	Parked []uint64 // messages that are parked because of this death
}

// Open reads what the last process had in hand and begins anew. It keeps its files in dir.
func Open(dir string) (*Hand, Found, error) {
	h := &Hand{dir: dir, scores: make(map[uint64]int)}
	found, err := h.open()
	if err != nil {
		return nil, Found{}, fmt.Errorf("open what was in hand: %w", errors.Join(err, h.Close()))
	}
	return h, found, nil
}

func (h *Hand) open() (found Found, err error) {
	if err := h.read(); err != nil {
		return found, err
	}
	if err := h.mapPage(); err != nil {
		return found, err
	}
	for i := range slots {
		h.free = append(h.free, slots-1-i)
	}
	crash, err := os.ReadFile(h.CrashFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	found = h.suspect(string(crash))
	clear(h.page)
	err = nil
	if len(crash) > 0 {
		err = os.Rename(h.CrashFile(), h.CrashFile()+".last")
	}
	if found.Died {
		err = errors.Join(err, h.save())
	}
	return found, err
}

// CrashFile is where the runtime is to write what it has to say when the program fails.
func (h *Hand) CrashFile() string { return filepath.Join(h.dir, "crash") }

func (h *Hand) read() error {
	b, err := os.ReadFile(filepath.Join(h.dir, "suspects.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &h.scores)
	}
	if err != nil { // the suspicion is lost, which costs two more deaths at most
		h.scores = make(map[uint64]int)
	}
	return nil
}

// mapPage brings the file into memory; it has its room on the disk from the start.
func (h *Hand) mapPage() error {
	f, err := os.OpenFile(filepath.Join(h.dir, "inhand"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		if err = f.Truncate(0); err == nil {
			_, err = f.Write(make([]byte, size))
		}
	}
	if err == nil {
		h.page, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	return err
}

// suspect counts a death against those who were there.
func (h *Hand) suspect(crash string) Found {
	found := Found{Fault: crash, Died: crash != ""}
	weight := byKill
	if crash != "" {
		weight = byFault
	}
	seen := make(map[uint64]bool)
	for i := range slots {
		mid := binary.LittleEndian.Uint64(h.page[8*i:])
		if mid == 0 || seen[mid] {
			continue
		}
		found.Died, seen[mid] = true, true
		before := h.scores[mid]
		h.scores[mid] = before + weight
		if before < parkedFrom && h.scores[mid] >= parkedFrom {
			found.Parked = append(found.Parked, mid)
		}
	}
	slices.Sort(found.Parked)
	return found
}

func (h *Hand) save() error {
	b, err := json.Marshal(h.scores)
	if err != nil {
		return err
	}
	return safefile.Write(filepath.Join(h.dir, "suspects.json"), b, 0o600)
}

// Keep forgets suspects that are no longer there.
func (h *Hand) Keep(there func(mid uint64) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.scores)
	maps.DeleteFunc(h.scores, func(mid uint64, _ int) bool { return !there(mid) })
	if len(h.scores) != n {
		_ = h.save() // what is not forgotten now is at the next start
	}
}

// Suspect says whether a message was in hand when the process died, and whether it is not to be touched any more.
func (h *Hand) Suspect(mid uint64) (suspect, parked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	score := h.scores[mid]
	return score > 0, score >= parkedFrom
}

// Take says that the work on a message begins. What it returns ends it.
func (h *Hand) Take(mid uint64) (slot int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.free)
	if n == 0 || h.page == nil {
		return -1
	}
	slot = h.free[n-1]
	h.free = h.free[:n-1]
	binary.LittleEndian.PutUint64(h.page[8*slot:], mid)
	return slot
}

// Put says that the work on a message is over and nobody died of it: it is above suspicion.
func (h *Hand) Put(slot int, mid uint64) {
	if slot < 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.page != nil {
		binary.LittleEndian.PutUint64(h.page[8*slot:], 0)
	}
	h.free = append(h.free, slot)
	if score := h.scores[mid]; score > 0 && score < parkedFrom {
		delete(h.scores, mid)
		_ = h.save() // otherwise it is tried by itself once more after the next start
	}
}

// Close ends the watch in order: nothing is in hand.
func (h *Hand) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.page == nil {
		return nil
	}
	clear(h.page)
	err := unix.Munmap(h.page)
	h.page = nil
	return err
}
