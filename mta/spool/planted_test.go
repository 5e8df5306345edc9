package spool

import (
	"strings"
	"testing"
)

// careless is a FileSystem that leaves out what it is told to.
type careless struct {
	FileSystem
	file   func(path string, made bool) bool // is not synced; made says that it was made by this process
	folder func(path string) bool
	before func() // each new file
}

func (c *careless) wrap(f File, err error, path string, made bool) (File, error) {
	if err == nil && c.file != nil && c.file(path, made) {
		return carelessFile{f}, nil
	}
	return f, err
}

func (c *careless) Create(path string) (File, error) {
	if c.before != nil {
		c.before()
	}
	f, err := c.FileSystem.Create(path)
	return c.wrap(f, err, path, true)
}

func (c *careless) Open(path string) (File, error) {
	f, err := c.FileSystem.Open(path)
	return c.wrap(f, err, path, false)
}

func (c *careless) SyncFolder(path string) error {
	if c.folder != nil && c.folder(path) {
		return nil
	}
	return c.FileSystem.SyncFolder(path)
}

type carelessFile struct{ File }

func (carelessFile) Sync() error     { return nil }
func (carelessFile) Datasync() error { return nil }

// forgetful is a spool that forgets at once which finished records keep messages from coming back.
type forgetful struct{ s *Spool }

func (f *forgetful) forget() {
	if f.s == nil {
		return
	}
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	for _, g := range f.s.segments {
		g.graves = 0
	}
}

// TestPowerCutsFindPlantedBugs shows that the test above would notice.
func TestPowerCutsFindPlantedBugs(t *testing.T) {
	over := func(c careless) *variant {
		return &variant{wrap: func(d *disk) FileSystem { c.FileSystem = d; return &c }}
	}
	lost := &forgetful{}
	forgetting := over(careless{before: lost.forget})
	forgetting.spoil = func(s *Spool) { lost.s = s }
	for name, v := range map[string]*variant{
		"nothing is synced before it is acknowledged": over(careless{file: func(path string, made bool) bool { return made && strings.Contains(path, "/log/") }}),
		"folders are not synced":                      over(careless{folder: func(string) bool { return true }}),
		"checksums are ignored":                       {},
		"graves are forgotten":                        forgetting,
		"long contents are not synced":                over(careless{file: func(path string, _ bool) bool { return strings.Contains(path, "/large/") }}),
		"a start trusts what was not synced":          over(careless{file: func(path string, made bool) bool { return !made && strings.HasSuffix(path, segmentSuffix) }}),
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

func checkFound(t *testing.T, name string, v *variant) {
	t.Helper()
	e := &explorer{v: v, dir: t.TempDir(), most: 8, limit: 1, each: 300}
	for seed := uint64(1); seed < 12; seed++ {
		if e.round(t, seed); e.failed.Load() > 0 {
			t.Logf("%s: found after %d states", name, e.opened.Load())
			return
		}
	}
	t.Errorf("%s: not found in %d states", name, e.opened.Load())
}
