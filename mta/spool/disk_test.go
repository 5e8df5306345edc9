package spool

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// errDead is what every step says once the process is killed.
var errDead = errors.New("the process is dead")

// image is what stands on a disk, by path within the spool's folder.
type image map[string][]byte

// blank is the disk of a spool that was never used.
func blank() image { return image{"mid": append(slot(0, 0), slot(1, 0)...)} }

// disk is a FileSystem in memory that remembers every step taken on it, so that history can tell what a power cut may
// leave of it.
type disk struct {
	root string
	pace func() time.Duration                   // how long a sync takes; nil: no time
	fail func(what stepKind, path string) error // nil: nothing fails

	mu     sync.Mutex
	names  map[string]*inode
	first  map[string]*inode // names when the disk was made
	steps  []step
	ledger *ledger
	dead   bool
	left   int      // steps until the process is killed; negative: it is not
	fatal  stepKind // only such steps count; "": all
}

// inode is a file as the running system sees it.
type inode struct {
	base []byte // what it had when the disk was made
	data []byte
	own  bool   // data is not base's memory
	path string // where it was made
}

type stepKind string

const (
	stepWrite    stepKind = "write"
	stepTruncate stepKind = "truncate"
	stepSync     stepKind = "sync"
	stepLost     stepKind = "lost" // a sync failed: what was not synced is on stable storage or never will be
	stepCreate   stepKind = "create"
	stepRename   stepKind = "rename"
	stepRemove   stepKind = "remove"
	stepFolder   stepKind = "sync folder"
	stepFact     stepKind = "fact"
	stepRead     stepKind = "read"
	stepOpen     stepKind = "open"
	stepSpace    stepKind = "space"
	stepList     stepKind = "list"
	stepMkdir    stepKind = "mkdir"
	stepClose    stepKind = "close"
)

// step is one change of a disk, or what somebody was told meanwhile.
type step struct {
	kind     stepKind
	at       time.Time
	file     *inode
	from, to string // names
	offset   int64  // of a write; the size of a truncation
	data     []byte
	fact     *fact
}

func newDisk(root string, img image, l *ledger) *disk {
	d := &disk{root: root, names: make(map[string]*inode), ledger: l, left: -1}
	for _, name := range slices.Sorted(maps.Keys(img)) {
		d.names[name] = &inode{base: img[name], data: img[name], path: name}
	}
	d.first = maps.Clone(d.names)
	return d
}

func (d *disk) rel(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, d.root), "/")
}

// may says whether a step may be taken; d.mu is held.
func (d *disk) may(kind stepKind, path string) error {
	if d.dead {
		return errDead
	}
	if counts := d.fatal == "" || d.fatal == kind; counts && d.left == 0 {
		d.die()
		return errDead
	} else if counts && d.left > 0 {
		d.left--
	}
	if d.fail != nil {
		if err := d.fail(kind, path); err != nil {
			return &fs.PathError{Op: string(kind), Path: path, Err: err}
		}
	}
	return nil
}

func (d *disk) note(st step) {
	st.at = time.Now()
	d.steps = append(d.steps, st)
}

// tell notes what somebody knows from now on.
func (d *disk) tell(f fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead { // else nobody hears it
		d.learn(f)
	}
}

func (d *disk) learn(f fact) {
	now := time.Now()
	d.steps = append(d.steps, step{kind: stepFact, at: now, fact: &f})
	d.ledger.learn(&f, now)
}

func (d *disk) die() {
	d.dead = true
	d.learn(fact{kind: factKilled})
}

// fails sets what fails from now on; nil: nothing.
func (d *disk) fails(fail func(what stepKind, path string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// paces sets how long a sync takes from now on; nil: no time.
func (d *disk) paces(pace func() time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pace = pace
}

// taken is how many steps were taken.
func (d *disk) taken() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.steps)
}

// has says whether there is such a file.
func (d *disk) has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name] != nil
}

// kill ends the process that uses the disk: what it wrote stays as it is.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.die()
	}
}

func (d *disk) killed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// revive lets a new process use the disk, until it is killed in its turn.
func (d *disk) revive(left int, fatal stepKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.left, d.fatal = false, left, fatal
}

func (d *disk) Create(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.rel(path)
	if err := d.may(stepCreate, name); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	f := &inode{path: name, own: true}
	d.names[name] = f
	d.note(step{kind: stepCreate, file: f, to: name})
	return &handle{d, f, false}, nil
}

func (d *disk) Open(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.rel(path)
	if err := d.may(stepOpen, name); err != nil {
		return nil, err
	}
	f := d.names[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &handle{d, f, false}, nil
}

func (d *disk) Modify(path string) (File, error) { return d.Open(path) }

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, to = d.rel(from), d.rel(to)
	if err := d.may(stepRename, to); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(d.names, from)
	d.names[to] = f
	d.note(step{kind: stepRename, file: f, from: from, to: to})
	return nil
}

func (d *disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.rel(path)
	if err := d.may(stepRemove, name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	delete(d.names, name)
	d.note(step{kind: stepRemove, from: name})
	return nil
}

func (d *disk) Mkdir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.may(stepMkdir, d.rel(path))
}

func (d *disk) SyncFolder(path string) error {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.may(stepFolder, d.rel(path)); err != nil {
		return err
	}
	d.note(step{kind: stepFolder, to: d.rel(path)})
	return nil
}

// wait takes as long as a sync does.
func (d *disk) wait() {
	d.mu.Lock()
	pace := d.pace
	var long time.Duration
	if pace != nil && !d.dead {
		long = pace()
	}
	d.mu.Unlock()
	if long > 0 {
		time.Sleep(long)
	}
}

func (d *disk) List(folder string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	folder = d.rel(folder)
	if err := d.may(stepList, folder); err != nil {
		return nil, err
	}
	var names []string
	for path := range d.names {
		if filepath.Dir(path) == folder {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

func (d *disk) Space(path string) (free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return 1 << 40, 1 << 40, d.may(stepSpace, d.rel(path))
}
