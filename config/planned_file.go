package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"posthouse/internal/safefile"
)

const (
	plannedName   = "planned"
	plannedExt    = ".planned"
	plannedFormat = 1

	// beginMark separates the settings that are planned from those that they were planned upon.
	beginMark = "# ---- planned upon ----\n"
)

// plan is a planned commit with everything that it needs: what it was planned upon may be no kept revision any more when
// its time comes.
type plan struct {
	Planned
	base, own *Config
}

// planHead is the first part of a planned commit's file.
type planHead struct {
	Format   int               `toml:"format"`
	Number   int               `toml:"number"`
	At       time.Time         `toml:"at"`
	Entered  time.Time         `toml:"entered"`
	User     string            `toml:"user"`
	From     string            `toml:"from"`
	Comment  string            `toml:"comment"`
	Rollback bool              `toml:"rollback"`
	Upon     int               `toml:"upon"`
	Digest   string            `toml:"digest"` // of everything behind the head
	Refs     map[string]string `toml:"refs"`
	UponRefs map[string]string `toml:"upon_refs"`
}

func plannedFile(number int) string { return fmt.Sprintf("%08d%s", number, plannedExt) }

func (s *Store) plannedPath(number int) string {
	return filepath.Join(s.dir, plannedName, plannedFile(number))
}

func encodePlan(p plan) []byte {
	settings := slices.Concat(Encode(p.own), []byte("\n"+beginMark), Encode(p.base))
	var b bytes.Buffer
	enc := toml.NewEncoder(&b)
	enc.Indent = ""
	if err := enc.Encode(planHead{
		Format: plannedFormat, Number: p.Number, At: p.At.UTC(), Entered: p.Entered.UTC(), User: p.Author.User, From: p.Author.From,
		Comment: p.Comment, Rollback: p.Rollback, Upon: p.Upon, Digest: digestOf(settings), Refs: p.own.Refs, UponRefs: p.base.Refs,
	}); err != nil {
		panic(fmt.Sprintf("encode planned commit: %v", err)) // as in Encode
	}
	b.WriteString(settingsMark)
	b.Write(settings)
	return b.Bytes()
}

func decodePlan(data []byte) (p plan, err error) {
	head, settings, ok := bytes.Cut(data, []byte("\n"+settingsMark))
	own, base, both := bytes.Cut(settings, []byte("\n"+beginMark))
	if !ok || !both {
		return plan{}, errors.New("its settings are missing")
	}
	if err := checkNesting(head); err != nil {
		return plan{}, err
	}
	var h planHead
	if _, err := toml.Decode(string(head), &h); err != nil {
		return plan{}, err
	}
	switch {
	case h.Format != plannedFormat:
		return plan{}, fmt.Errorf("it has format %d, which this version does not know", h.Format)
	case h.Digest != digestOf(settings):
		return plan{}, errors.New("its settings do not match its digest")
	}
	p = plan{Planned: Planned{
		Number: h.Number, At: h.At.Local(), Entered: h.Entered.Local(), Author: Author{User: h.User, From: h.From},
		Comment: h.Comment, Rollback: h.Rollback, Upon: h.Upon,
	}}
	if p.own, err = Decode(own); err == nil {
		p.base, err = Decode(base)
	}
	if err != nil {
		return plan{}, err
	}
	p.own.Refs, p.base.Refs = h.Refs, h.UponRefs
	p.own.normalizeRefs()
	p.base.normalizeRefs()
	p.Changes = Diff(p.base, p.own)
	return p, nil
}

// readPlans reads the folder of planned commits, in the order of their times. Damaged files are named and left alone. Last
// is the highest number of any file.
func readPlans(dir string) (list []plan, damaged []error, last int, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, nil
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read planned commits: %w", err)
	}
	for _, e := range entries {
		number, ok := numberOf(e.Name(), plannedExt)
		if !ok {
			continue
		}
		last = max(last, number)
		data, err := readFile(filepath.Join(dir, e.Name()))
		var p plan
		if err == nil {
			p, err = decodePlan(data)
		}
		if err == nil && p.Number != number {
			err = fmt.Errorf("it says that it is number %d", p.Number)
		}
		if err != nil {
			damaged = append(damaged, fmt.Errorf("read planned commit %s: %w", e.Name(), err))
			continue
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, byTime)
	return list, damaged, last, nil
}

func byTime(a, b plan) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return a.Number - b.Number
}

// writePlan puts a planned commit on disk. What a failed write may have left is taken away again.
func (s *Store) writePlan(p plan) error {
	err := os.MkdirAll(filepath.Join(s.dir, plannedName), 0o700)
	if err == nil {
		err = s.fsys.SyncDir(s.dir) // the folder may be new, and has to be there after a power cut with all that is in it
	}
	if err != nil {
		return fmt.Errorf("write planned commit: %w", err)
	}
	if err := safefile.WriteFS(s.fsys, s.plannedPath(p.Number), encodePlan(p), 0o600); err != nil {
		s.removePlan(p.Number)
		return err
	}
	return nil
}

// removePlan removes the file for good, so that no start finds it again.
func (s *Store) removePlan(number int) error {
	if err := removeIfThere(s.fsys, s.plannedPath(number)); err != nil {
		return fmt.Errorf("remove planned commit: %w", err)
	}
	return s.fsys.SyncDir(filepath.Join(s.dir, plannedName))
}

// tidyPlans removes what a failed removal has left. It touches nothing while a file is damaged.
func (s *Store) tidyPlans() {
	s.mu.Lock()
	damaged, known := len(s.damagedPlans) > 0, make(map[int]bool)
	for _, p := range s.plans {
		known[p.Number] = true
	}
	s.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join(s.dir, plannedName))
	if err != nil || damaged {
		return
	}
	for _, e := range entries {
		if number, ok := numberOf(e.Name(), plannedExt); ok && !known[number] {
			s.removePlan(number)
		}
	}
}
