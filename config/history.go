package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"
)

const (
	keptRevisions = 50  // of operators' commits
	mostRevisions = 500 // with renewals of certificates, which nobody asked for and which must not push the others out
	revisionExt   = ".revision"
	pendingExt    = ".pending"

	// revisionFormat is the version of the files' form; a file of another version is not read.
	revisionFormat = 1
	// settingsMark separates a revision's head from its settings, which follow as posthouse.toml had them.
	settingsMark = "# ---- posthouse.toml ----\n"
)

// record is what is kept in memory of a revision's file.
type record struct {
	Revision
	mark
	digest string // of the settings, as posthouse.toml had them
	refs   map[string]string
}

// history is what the folder of revisions holds.
type history struct {
	records []record // the newest first
	damaged []error  // files that cannot be read
	last    int      // the highest number of any file, damaged or not
}

// revisionHead is the first part of a revision's file.
type revisionHead struct {
	Format   int               `toml:"format"`
	Number   int               `toml:"number"`
	Time     time.Time         `toml:"time"`
	User     string            `toml:"user"`
	From     string            `toml:"from"`
	Comment  string            `toml:"comment"`
	Rollback bool              `toml:"rollback"`
	Renewed  string            `toml:"renewed,omitempty"`
	Planned  int               `toml:"planned,omitempty"`
	Digest   string            `toml:"digest"`
	Until    *time.Time        `toml:"confirm_by,omitempty"`
	Waits    []int             `toml:"unconfirmed,omitempty"`
	Settled  bool              `toml:"confirmed,omitempty"`
	Refs     map[string]string `toml:"refs"`
}

func revisionFile(number int) string { return fmt.Sprintf("%08d%s", number, revisionExt) }
func pendingFile(number int) string  { return fmt.Sprintf("%08d%s", number, pendingExt) }

// numberOf reads a revision's number from its file's name.
func numberOf(name, ext string) (int, bool) {
	digits, ok := strings.CutSuffix(name, ext)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && fmt.Sprintf("%08d", n) == digits
}

func digestOf(settings []byte) string {
	sum := sha256.Sum256(settings)
	return hex.EncodeToString(sum[:])
}

func encodeRevision(r record, settings []byte) []byte {
	var b bytes.Buffer
	enc := toml.NewEncoder(&b)
	enc.Indent = ""
	head := revisionHead{
		Format: revisionFormat, Number: r.Number, Time: r.Time.UTC(), User: r.Author.User, From: r.Author.From,
		Comment: r.Comment, Rollback: r.Rollback, Renewed: r.Renewed, Planned: r.Planned, Digest: r.digest, Refs: r.refs, Waits: r.waits, Settled: r.settled,
	}
	if !r.until.IsZero() {
		head.Until = new(r.until.UTC())
	}
	if err := enc.Encode(head); err != nil {
		panic(fmt.Sprintf("encode revision: %v", err)) // as in Encode
	}
	b.WriteString(settingsMark)
	b.Write(settings)
	return b.Bytes()
}

func decodeRevision(data []byte) (record, []byte, error) {
	head, settings, ok := bytes.Cut(data, []byte("\n"+settingsMark))
	if !ok {
		return record{}, nil, fmt.Errorf("its settings are missing")
	}
	if err := checkNesting(head); err != nil {
		return record{}, nil, err
	}
	var h revisionHead
	if _, err := toml.Decode(string(head), &h); err != nil {
		return record{}, nil, err
	}
	switch {
	case h.Format != revisionFormat:
		return record{}, nil, fmt.Errorf("it has format %d, which this version does not know", h.Format)
	case h.Digest != digestOf(settings):
		return record{}, nil, fmt.Errorf("its settings do not match its digest")
	}
	r := record{
		Revision: Revision{
			Number: h.Number, Time: h.Time.Local(), Author: Author{User: h.User, From: h.From},
			Comment: h.Comment, Rollback: h.Rollback, Renewed: h.Renewed, Planned: h.Planned,
		},
		mark:   mark{waits: h.Waits, settled: h.Settled},
		digest: h.Digest, refs: h.Refs,
	}
	if h.Until != nil {
		r.until = h.Until.Local()
		if !slices.Contains(r.waits, r.Number) {
			r.waits = append(r.waits, r.Number)
		}
	}
	return r, settings, nil
}

func readRevision(path string) (record, []byte, error) {
	data, err := readFile(path)
	if err != nil {
		return record{}, nil, fmt.Errorf("read revision: %w", err)
	}
	r, settings, err := decodeRevision(data)
	if err != nil {
		return record{}, nil, fmt.Errorf("read revision %s: %w", path, err)
	}
	return r, settings, nil
}

// readHistory reads the folder of revisions. Damaged files are named and left alone.
func readHistory(dir string) (history, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return history{}, fmt.Errorf("read revisions: %w", err)
	}
	var h history
	for _, e := range entries {
		number, ok := numberOf(e.Name(), revisionExt)
		if !ok {
			continue
		}
		h.last = max(h.last, number)
		r, _, err := readRevision(filepath.Join(dir, e.Name()))
		if err == nil && r.Number != number {
			err = fmt.Errorf("read revision %s: it says that it is number %d", e.Name(), r.Number)
		}
		if err != nil {
			h.damaged = append(h.damaged, err)
			continue
		}
		h.records = append(h.records, r)
	}
	slices.SortFunc(h.records, func(a, b record) int { return b.Number - a.Number })
	h.trim()
	return h, nil
}

func (h *history) find(number int) (record, bool) {
	for _, r := range h.records {
		if r.Number == number {
			return r, true
		}
	}
	return record{}, false
}

// before returns the number of the revision that number replaced.
func (h *history) before(number int) (int, bool) {
	_, ok := h.find(number - 1)
	return number - 1, ok
}

// matching returns the newest revision whose settings have the digest.
func (h *history) matching(digest string) (record, bool) {
	for _, r := range h.records {
		if r.digest == digest {
			return r, true
		}
	}
	return record{}, false
}

// newest returns the newest revision; the zero value when there is none.
func (h *history) newest() record {
	if len(h.records) == 0 {
		return record{}
	}
	return h.records[0]
}

// add puts a new revision in front and forgets those that are no longer kept.
func (h *history) add(r record) {
	h.records = append([]record{r}, h.records...)
	h.trim()
	h.last = max(h.last, r.Number)
}

// trim forgets the revisions that are no longer kept. What waits for its confirmation, and what it replaced, stays.
func (h *history) trim() {
	kept, commits := 0, 0
	for kept < min(len(h.records), mostRevisions) && commits < keptRevisions {
		if h.records[kept].Renewed == "" {
			commits++
		}
		kept++
	}
	if r, ok := h.wait(); ok {
		first := slices.Min(r.waits) - 1
		for kept < len(h.records) && h.records[kept].Number >= first {
			kept++
		}
	}
	h.records = h.records[:kept]
}

// oldestKept returns the number below which files of revisions are no longer wanted; 0 while there are few.
func (h *history) oldestKept() int {
	if len(h.records) < keptRevisions {
		return 0
	}
	return h.records[len(h.records)-1].Number
}

// named returns every secret that a kept revision names.
func (h *history) named() map[string]bool {
	keep := make(map[string]bool)
	for _, r := range h.records {
		for id := range maps.Values(r.refs) {
			keep[id] = true
		}
	}
	return keep
}

// maxComment is the longest comment that is kept, in bytes.
const maxComment = 1000

// oneLine makes what an operator typed fit for a revision's head: valid, printable, not endless.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxComment {
		s = strings.ToValidUTF8(s[:maxComment], "")
	}
	return strings.TrimSpace(s)
}
