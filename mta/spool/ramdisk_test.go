package spool

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// errDead is what every step says once the power is gone.
var errDead = errors.New("the power is gone")

// ramDisk is a FileSystem that knows what is on stable storage and what is not yet, and can lose its power.
type ramDisk struct {
	now      map[string]*ramFile
	durable  map[string]*ramFile
	changes  []change // of names, since their folder was synced
	steps    int      // left until the power goes; negative: for ever
	noSync   bool     // planted bug: the content is not synced
	noFolder bool     // planted bug: the names are not synced
}

// change is one change of names: from and to as in a rename, one of them "" for a creation or a removal.
type change struct {
	folder, from, to string
	file             *ramFile
}

// ramFile is content: what is durable and the writes since.
type ramFile struct {
	durable []byte
	writes  []ramWrite
}

type ramWrite struct {
	offset int64
	data   []byte
	cut    bool // a truncation to offset
}

func (w ramWrite) apply(b []byte) []byte {
	end := w.offset + int64(len(w.data))
	if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	if w.cut {
		return b[:w.offset]
	}
	copy(b[w.offset:], w.data)
	return b
}

func (f *ramFile) content() []byte {
	b := append([]byte(nil), f.durable...)
	for _, w := range f.writes {
		b = w.apply(b)
	}
	return b
}

func newRAMDisk(mid string) *ramDisk {
	f := &ramFile{durable: append(slot(0, 0), slot(1, 0)...)}
	return &ramDisk{now: map[string]*ramFile{mid: f}, durable: map[string]*ramFile{mid: f}, steps: -1}
}

func (d *ramDisk) step() error {
	if d.steps == 0 {
		return errDead
	}
	d.steps--
	return nil
}

func (d *ramDisk) change(c change) {
	c.folder = filepath.Dir(c.from + c.to)
	if c.from != "" && c.to != "" {
		c.folder = filepath.Dir(c.to)
	}
	if c.from != "" {
		delete(d.now, c.from)
	}
	if c.to != "" {
		d.now[c.to] = c.file
	}
	d.changes = append(d.changes, c)
}

func (d *ramDisk) Create(path string) (File, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if d.now[path] != nil {
		return nil, fs.ErrExist
	}
	f := &ramFile{}
	d.change(change{to: path, file: f})
	return &ramHandle{d, f}, nil
}

func (d *ramDisk) Open(path string) (File, error) {
	f := d.now[path]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return &ramHandle{d, f}, nil
}

func (d *ramDisk) Modify(path string) (File, error) { return d.Open(path) }

func (d *ramDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.change(change{from: from, to: to, file: d.now[from]})
	return nil
}

func (d *ramDisk) Remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.now[path] == nil {
		return fs.ErrNotExist
	}
	d.change(change{from: path})
	return nil
}

func (d *ramDisk) Mkdir(string) error { return nil }

func (d *ramDisk) SyncFolder(path string) error {
	if err := d.step(); err != nil || d.noFolder {
		return err
	}
	rest := d.changes[:0]
	for _, c := range d.changes {
		if c.folder == path {
			c.apply(d.durable)
		} else {
			rest = append(rest, c)
		}
	}
	d.changes = rest
	return nil
}

func (c change) apply(names map[string]*ramFile) {
	delete(names, c.from)
	if c.to != "" {
		names[c.to] = c.file
	}
}

func (d *ramDisk) List(folder string) ([]string, error) {
	var names []string
	for path := range d.now {
		if filepath.Dir(path) == folder {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

func (d *ramDisk) Space(string) (int64, int64, error) { return 1 << 40, 1 << 40, nil }

type ramHandle struct {
	d *ramDisk
	f *ramFile
}

func (h *ramHandle) ReadAt(p []byte, offset int64) (int, error) {
	b := h.f.content()
	if offset >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *ramHandle) WriteAt(p []byte, offset int64) (int, error) {
	if err := h.d.step(); err != nil {
		return 0, err
	}
	h.f.writes = append(h.f.writes, ramWrite{offset: offset, data: append([]byte(nil), p...)})
	return len(p), nil
}

func (h *ramHandle) Truncate(size int64) error {
	if err := h.d.step(); err != nil {
		return err
	}
	h.f.writes = append(h.f.writes, ramWrite{offset: size, cut: true})
	return nil
}

func (h *ramHandle) Sync() error {
	if err := h.d.step(); err != nil || h.d.noSync {
		return err
	}
	h.f.durable, h.f.writes = h.f.content(), nil
	return nil
}

func (h *ramHandle) Datasync() error      { return h.Sync() }
func (h *ramHandle) Size() (int64, error) { return int64(len(h.f.content())), nil }
func (h *ramHandle) Close() error         { return nil }

// crash is the disk after a power cut: of what was not synced, each change of a name happened or not, and each write is
// there, missing or torn.
func (d *ramDisk) crash(choose func(n int) int) *ramDisk {
	after := &ramDisk{now: make(map[string]*ramFile), durable: make(map[string]*ramFile), steps: -1,
		noSync: d.noSync, noFolder: d.noFolder}
	names := make(map[string]*ramFile)
	for path, f := range d.durable {
		names[path] = f
	}
	for _, c := range d.changes {
		if choose(2) == 0 {
			c.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		f := names[path]
		b := append([]byte(nil), f.durable...)
		for _, w := range f.writes {
			switch choose(3) {
			case 0:
				b = w.apply(b)
			case 1:
				if len(w.data) > 0 {
					w.data = w.data[:choose(len(w.data))]
					b = w.apply(b)
				}
			}
		}
		file := &ramFile{durable: b}
		after.now[path], after.durable[path] = file, file
	}
	return after
}
