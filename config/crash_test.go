package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// edits are the kinds of commit that differ in which file makes them true.
var edits = map[string]func(t *testing.T, s *Store, c *Config){
	"settings": func(_ *testing.T, _ *Store, c *Config) { c.Delivery.Concurrency = 9000 },
	"secrets":  func(t *testing.T, s *Store, c *Config) { c.Refs[PassphraseRef("admin")] = put(t, s, "new") },
	"both": func(t *testing.T, s *Store, c *Config) {
		c.Certificates["partner"] = &Certificate{}
		c.Refs[CertificateRef("partner")] = put(t, s, "partner")
	},
}

func put(t *testing.T, s *Store, content string) string {
	t.Helper()
	id, err := s.Vault().Put("secret", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newFaultyStore has two revisions, so that there is something to go back to.
func newFaultyStore(t *testing.T) (*Store, *faultFS) {
	t.Helper()
	fsys := &faultFS{failAt: -1}
	s, err := create(fsys, t.TempDir(), Default("mail.example.com"), alice)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Candidate()
	c.Config.Refs[PassphraseRef("admin")] = put(t, s, "old")
	if _, err := s.Commit(context.Background(), c, alice, "second", true); err != nil {
		t.Fatal(err)
	}
	return s, fsys
}

// mustOpen opens what a crash has left.
func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatalf("open after the fault: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, revisionsName, "*"+pendingExt))
	if len(left) > 0 {
		t.Errorf("left after open: %v", left)
	}
	if err := Check(dir); err != nil {
		t.Errorf("check after open: %v", err)
	}
	return s
}

// recorder notes what the appliance was told.
type recorder struct{ log []string }

func (r *recorder) Prepare(_ context.Context, _, new *Config) (Prepared, error) {
	r.log = append(r.log, "prepare")
	return r, nil
}
func (r *recorder) Commit() { r.log = append(r.log, "commit") }
func (r *recorder) Abort()  { r.log = append(r.log, "abort") }

// A commit is whole or has not happened, whichever step of writing fails and whether or not anything works after it.
func TestCommitWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, edit := range edits {
		for _, mode := range faultModes {
			failures := 0
			for step := 0; ; step++ {
				dead, after := mode&1 != 0, mode&2 != 0
				if !commitWithFault(t, fmt.Sprintf("%s step %d dead %v after %v", name, step, dead, after), edit, &faultFS{failAt: step, dead: dead, after: after}) {
					break
				}
				failures++
			}
			if failures < 5 {
				t.Errorf("%s: only %d steps", name, failures)
			}
		}
	}
}

// commitWithFault returns false when the commit has fewer steps than it should fail at.
func commitWithFault(t *testing.T, name string, edit func(*testing.T, *Store, *Config), fault *faultFS) bool {
	s, fsys := newFaultyStore(t)
	parts := &recorder{}
	s.SetAppliers(parts)
	c := s.Candidate()
	edit(t, s, c.Config)
	wanted, old := normalized(c.Config), s.Running()

	*fsys = *fault
	_, err := s.Commit(context.Background(), c, alice, "third", true)
	hit := fsys.failed > 0
	*fsys = faultFS{failAt: -1}

	again := mustOpen(t, s.dir).Running()
	whole := reflect.DeepEqual(again.Config, wanted) && again.Revision.Number == old.Revision.Number+1
	none := reflect.DeepEqual(again.Config, old.Config) && again.Revision == old.Revision
	log := strings.Join(parts.log, " ")
	switch {
	case err == nil && (!whole || s.Running().Revision != again.Revision || log != "prepare commit"):
		t.Errorf("%s: committed, but the next start has revision %d; %s", name, again.Revision.Number, log)
	case err != nil && (s.Running() != old || log != "prepare abort"):
		t.Errorf("%s: failed with %v, but something else is running; %s", name, err, log)
	case err != nil && !fault.dead && !none:
		t.Errorf("%s: failed with %v, but the next start has another configuration", name, err)
	case !whole && !none:
		t.Errorf("%s: half a commit: %s", name, FormatChanges(Diff(wanted, again.Config)))
	}
	return hit
}

// What a dead disk left is put right by the next commit that finds it working.
func TestCommitAfterDeadDisk(t *testing.T) {
	t.Parallel()
	for name, edit := range edits {
		for step := 0; ; step++ {
			s, fsys := newFaultyStore(t)
			c := s.Candidate()
			edit(t, s, c.Config)
			*fsys = faultFS{failAt: step, dead: true, after: true}
			s.Commit(context.Background(), c, alice, "third", true)
			hit := fsys.failed > 0
			*fsys = faultFS{failAt: -1}
			if !hit {
				break
			}
			c = s.Candidate()
			c.Config.Injection.MaxHops = 77
			r, err := s.Commit(context.Background(), c, alice, "fourth", true)
			if err != nil {
				t.Fatalf("%s step %d: %v", name, step, err)
			}
			if r.Edited != "" {
				t.Errorf("%s step %d: its own file was taken for an edit", name, step)
			}
			again := mustOpen(t, s.dir).Running()
			if !reflect.DeepEqual(again.Config, s.Running().Config) || again.Revision != s.Running().Revision {
				t.Errorf("%s step %d: the next start has another configuration", name, step)
			}
		}
	}
}

func TestCreateWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, mode := range faultModes {
		for step := 0; ; step++ {
			dir := t.TempDir()
			fsys := &faultFS{failAt: step, dead: mode&1 != 0, after: mode&2 != 0}
			_, err := create(fsys, dir, Default("mail.example.com"), alice)
			if fsys.failed == 0 {
				break
			}
			if IsSetUp(dir) {
				if n := mustOpen(t, dir).Running().Revision.Number; n != 1 {
					t.Errorf("step %d: revision %d", step, n)
				}
				continue
			}
			if err == nil {
				t.Errorf("step %d: created, but nothing is there", step)
			}
			if _, err := Create(dir, Default("mail.example.com"), alice); err != nil {
				t.Errorf("step %d: create again: %v", step, err)
			}
			mustOpen(t, dir)
		}
	}
}

// An edit by hand is taken whole or left where it is.
func TestOpenEditedFileWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, mode := range faultModes {
		for step := 0; ; step++ {
			s := newTestStore(t)
			edited := bytes.Replace(s.settings, []byte("max_hops = 100"), []byte("max_hops=77 # less"), 1)
			if err := os.WriteFile(s.settingsPath(), edited, 0o600); err != nil {
				t.Fatal(err)
			}
			fsys := &faultFS{failAt: step, dead: mode&1 != 0, after: mode&2 != 0}
			_, err := open(fsys, s.dir)
			if fsys.failed == 0 {
				break
			}
			if err != nil && !errors.Is(err, errDisk) {
				t.Errorf("step %d: %v", step, err)
			}
			again := mustOpen(t, s.dir).Running()
			if again.Config.Injection.MaxHops != 77 || again.Revision.Number != 2 {
				t.Errorf("step %d: %d in revision %d", step, again.Config.Injection.MaxHops, again.Revision.Number)
			}
		}
	}
}

// The order of the steps is what makes the rest true: no file is named before it is on stable storage.
func TestCommitStepOrder(t *testing.T) {
	s, fsys := newFaultyStore(t)
	*fsys = faultFS{failAt: -1}
	c := s.Candidate()
	c.Config.Delivery.Concurrency = 9000
	if _, err := s.Commit(context.Background(), c, alice, "", true); err != nil {
		t.Fatal(err)
	}
	file := "create chmod write sync close rename syncdir"
	if got, want := strings.Join(fsys.log, " "), file+" "+file+" rename syncdir"; got != want {
		t.Errorf("got %s", got)
	}
}

// A commit of secrets alone is made by the last rename: without it, it never happened.
func TestSecretsBeforeTheLastRename(t *testing.T) {
	s, fsys := newFaultyStore(t)
	before := s.Running()
	c := s.Candidate()
	c.Config.Refs[PassphraseRef("admin")] = put(t, s, "new")
	*fsys = faultFS{failAt: len(strings.Fields("create chmod write sync close rename syncdir")), dead: true}
	if _, err := s.Commit(context.Background(), c, alice, "", true); !errors.Is(err, errDisk) {
		t.Fatalf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, revisionsName, "*"+pendingExt)); len(left) != 1 {
		t.Fatalf("the pending revision is not there: %v", left)
	}
	if again := mustOpen(t, s.dir).Running(); !reflect.DeepEqual(again, before) {
		t.Errorf("revision %d is running", again.Revision.Number)
	}
}
