package tlsreport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"posthouse/internal/safefile"
)

// Files are named by the moment that they begin at, so that their names sort by time.
const (
	periodFiles = "sessions-*.json"
	dayFiles    = "deliveries-*.json"
	periodStamp = "20060102T150405"
	dayStamp    = "20060102"
)

// keptPeriods is how many finished periods are kept for their summary, sent or not.
const keptPeriods = 7

func (c *Collector) periodPath(p *period) string {
	return filepath.Join(c.o.Dir, "sessions-"+p.Start.UTC().Format(periodStamp)+".json")
}

func (c *Collector) dayPath(d *day) string {
	return filepath.Join(c.o.Dir, "deliveries-"+d.Date.UTC().Format(dayStamp)+".json")
}

// load reads what an earlier process has left. A damaged file is set aside, so that it neither stops the start nor is
// overwritten.
func (c *Collector) load() error {
	err := eachFile(c.o.Dir, periodFiles, func(data []byte) error {
		var p period
		if err := json.Unmarshal(data, &p); err != nil || p.Start.IsZero() {
			return errors.Join(err, errors.New("not a count of sessions"))
		}
		c.adopt(&p)
		return nil
	}, c.o.Tell)
	if err != nil {
		return err
	}
	return eachFile(c.o.Dir, dayFiles, func(data []byte) error {
		var d day
		if err := json.Unmarshal(data, &d); err != nil || d.Date.IsZero() {
			return errors.Join(err, errors.New("not a count of deliveries"))
		}
		if d.Domains == nil {
			d.Domains = map[string]*Deliveries{}
		}
		c.days = append(c.days, &d)
		return nil
	}, c.o.Tell)
}

// adopt takes a period from disk: the one without an end goes on.
func (c *Collector) adopt(p *period) {
	if p.Domains == nil {
		p.Domains = map[string]*domain{}
	}
	switch {
	case !p.End.IsZero():
		c.finished = append(c.finished, p)
	case c.open == nil:
		c.open = p
	default: // two without an end: the later one goes on
		c.open.End, c.open.Due, c.open.Next = p.Start, p.Start, p.Start
		c.finished = append(c.finished, c.open)
		c.open = p
	}
}

// eachFile hands the content of every file of a pattern to take, in order of name.
func eachFile(dir, pattern string, take func(data []byte) error, tell func(string)) error {
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(files)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if err := take(data); err != nil {
			tell(fmt.Sprintf("%s is damaged and set aside: %v", filepath.Base(path), err))
			if err := os.Rename(path, path+".damaged"); err != nil {
				return fmt.Errorf("set %s aside: %w", path, err)
			}
		}
	}
	return nil
}

// Flush writes everything to disk that has changed since it was last written. Run does so by itself; Flush is for what is
// counted after Run has returned.
func (c *Collector) Flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	changed, old, err := c.changed()
	faults := []error{err}
	for path, data := range changed {
		if err := safefile.Write(path, data, 0o600); err != nil {
			faults = append(faults, err)
			c.mark(path)
		}
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// changed takes down what has to be written, by path, and which files have to go.
func (c *Collector) changed() (files map[string][]byte, old []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	files = map[string][]byte{}
	var faults []error
	add := func(path string, dirty *bool, v any) {
		if !*dirty {
			return
		}
		data, err := marshal(v)
		if err != nil {
			faults = append(faults, err)
			return
		}
		*dirty, files[path] = false, data
	}
	for _, p := range append(slices.Clone(c.finished), c.open) {
		add(c.periodPath(p), &p.dirty, p)
	}
	for _, d := range c.days {
		add(c.dayPath(d), &d.dirty, d)
	}
	old, c.old = c.old, nil
	return files, old, errors.Join(faults...)
}

// mark lets the next Flush write a file again.
func (c *Collector) mark(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range append(slices.Clone(c.finished), c.open) {
		p.dirty = p.dirty || c.periodPath(p) == path
	}
	for _, d := range c.days {
		d.dirty = d.dirty || c.dayPath(d) == path
	}
}

// marshal writes v as JSON without the escapes that are meant for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	return b.Bytes(), nil
}
