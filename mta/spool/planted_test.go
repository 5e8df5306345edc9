package spool

import (
	"strings"
	"sync/atomic"
	"testing"
)

// careless is a FileSystem that leaves out what it is told to.
type careless struct {
	FileSystem
	file   func(path string, made bool) bool // is not synced; made says that it was made by this process
	folder func(path string) bool
	forget atomic.Pointer[Spool] // all the time
}

func (c *careless) wrap(f File, err error, path string, made bool) (File, error) {
	if err != nil {
		return nil, err
	}
	return &carelessFile{f, c, c.file != nil && c.file(path, made)}, nil
}

func (c *careless) Create(path string) (File, error) {
	f, err := c.FileSystem.Create(path)
	return c.wrap(f, err, path, true)
}

func (c *careless) Open(path string) (File, error) {
	f, err := c.FileSystem.Open(path)
	return c.wrap(f, err, path, false)
}

func (c *careless) Modify(path string) (File, error) {
	f, err := c.FileSystem.Modify(path)
	return c.wrap(f, err, path, false)
}

func (c *careless) SyncFolder(path string) error {
	if c.folder != nil && c.folder(path) {
		return nil
	}
	return c.FileSystem.SyncFolder(path)
}

type carelessFile struct {
	File
	c    *careless
	skip bool
}

func (f *carelessFile) Sync() error { return f.sync(f.File.Sync) }

func (f *carelessFile) Datasync() error { return f.sync(f.File.Datasync) }

func (f *carelessFile) sync(do func() error) error {
	if s := f.c.forget.Load(); s != nil {
		s.loseGraves()
	}
	if f.skip {
		return nil
	}
	return do()
}

// loseGraves makes a spool forget at once which finished records keep messages from coming back.
func (s *Spool) loseGraves() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		g.graves, g.buried = 0, nil
	}
}

// TestPowerCutsFindPlantedBugs shows that the test above would notice.
func TestPowerCutsFindPlantedBugs(t *testing.T) {
	if raceEnabled {
		t.Skip("it takes minutes under the race detector, and runs nothing that the test above does not")
	}
	over := func(c *careless) *variant {
		return &variant{wrap: func(d *disk) FileSystem { return &careless{FileSystem: d, file: c.file, folder: c.folder} }}
	}
	right := &explorer{v: over(&careless{}), dir: t.TempDir(), most: 4, limit: 1}
	if right.round(t, 1); right.failed.Load() > 0 {
		t.Fatalf("it finds what is not there: %s", right.faults[0])
	}
	forgetting := over(&careless{})
	forgetting.spoil = func(s *Spool) { s.files.(*careless).forget.Store(s) }
	for name, v := range map[string]*variant{
		"nothing is synced before it is acknowledged": over(&careless{file: func(path string, made bool) bool { return made && strings.Contains(path, "/log/") }}),
		"folders are not synced":                      over(&careless{folder: func(string) bool { return true }}),
		"checksums are ignored":                       {},
		"graves are forgotten":                        forgetting,
		"long contents are not synced":                over(&careless{file: func(path string, _ bool) bool { return strings.Contains(path, "/large/") }}),
		"a start trusts what was not synced":          over(&careless{file: func(path string, made bool) bool { return !made && strings.HasSuffix(path, segmentSuffix) }}),
	} {
		if name == "checksums are ignored" {
			good := sound
			sound = func([]byte, uint32) bool { return true }
			checkFound(t, name, v)
			sound = good
			continue
		}
		checkFound(t, name, v)
	}
}

func lastLine(text string) string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	return list[len(list)-1]
}

func checkFound(t *testing.T, name string, v *variant) {
	t.Helper()
	e := &explorer{v: v, dir: t.TempDir(), most: 8, limit: 1, each: 300}
	for seed := uint64(1); seed < 12; seed++ {
		if e.round(t, seed); e.failed.Load() > 0 {
			t.Logf("%s: found after %d states: %s", name, e.opened.Load(), lastLine(e.faults[0]))
			return
		}
	}
	t.Errorf("%s: not found in %d states", name, e.opened.Load())
}
