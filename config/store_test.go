package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	alice = Author{User: "alice", From: "192.0.2.7"}
	bob   = Author{User: "bob", From: "192.0.2.8"}
)

func newTestStore(t *testing.T) *Store {
	t.Helper()
	s, err := Create(t.TempDir(), Default("mail.example.com"), alice)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustCommit commits what edit does to a fresh candidate.
func mustCommit(t *testing.T, s *Store, edit func(c *Config)) *CommitResult {
	t.Helper()
	c := s.Candidate()
	edit(c.Config)
	r, err := s.Commit(context.Background(), c, bob, "a comment", true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func settingsOf(t *testing.T, s *Store) string {
	t.Helper()
	data, err := os.ReadFile(s.settingsPath())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCreateThenOpen(t *testing.T) {
	s := newTestStore(t)
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(s.Running().Config, again.Running().Config); len(d) > 0 || again.Running().Revision != s.Running().Revision {
		t.Errorf("opened %+v\n%s", again.Running().Revision, FormatChanges(d))
	}
	if _, err := Create(s.dir, Default("mail.example.com"), alice); !errors.Is(err, ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotSetUp) {
		t.Errorf("opened nothing: %v", err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	s := newTestStore(t)
	put(t, s, "x")
	filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		info, ierr := d.Info()
		if err = errors.Join(err, ierr); err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && path != s.dir {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
}

func TestCommitAndReopen(t *testing.T) {
	s := newTestStore(t)
	id := put(t, s, "pem")
	r := mustCommit(t, s, func(c *Config) {
		c.Certificates["partner"] = &Certificate{}
		c.Refs[CertificateRef("partner")] = id
		c.Listeners["InboundMail"].Certificates = []string{"partner"}
	})
	if r.Revision.Number != 2 || r.Revision.Author != bob || len(r.Kept) != 0 || len(r.Changes) != 2 || s.Running().Revision != r.Revision {
		t.Errorf("got %+v", r)
	}
	if strings.Contains(settingsOf(t, s), id) {
		t.Error("posthouse.toml names a secret")
	}
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.Running(), s.Running()) {
		t.Errorf("opened %+v", again.Running().Revision)
	}
	if got := again.Revisions(); !reflect.DeepEqual(got, s.Revisions()) || len(got) != 2 || got[0] != r.Revision {
		t.Errorf("revisions %+v", got)
	}
	changes, err := again.ChangesOf(2)
	if err != nil || !reflect.DeepEqual(changes, r.Changes) {
		t.Errorf("%v, %v", changes, err)
	}
	first, err := again.Load(1)
	if err != nil || first.Certificates["partner"] != nil || first.Refs[CertificateRef("partner")] != "" {
		t.Errorf("%v", err)
	}
	if _, err := again.Load(3); !errors.Is(err, ErrNoRevision) {
		t.Errorf("got %v", err)
	}
}

func TestNothingToCommit(t *testing.T) {
	s := newTestStore(t)
	c := s.Candidate()
	c.Config.Hostname = "MAIL.example.com." // another form of the same
	if _, err := s.Commit(context.Background(), c, alice, "", true); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Check(context.Background(), c); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
}

func TestCommitRefusesWhatIsInvalid(t *testing.T) {
	s := newTestStore(t)
	before := settingsOf(t, s)
	c := s.Candidate()
	c.Config.Delivery.Concurrency = 0
	if _, err := s.Commit(context.Background(), c, alice, "", true); len(FieldErrors(err)) != 1 {
		t.Errorf("got %v", err)
	}
	c = s.Candidate()
	c.Config.Refs[PassphraseRef("admin")] = "passphrase-0123456789abcdef0123456789abcdef"
	if _, err := s.Commit(context.Background(), c, alice, "", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c = s.Candidate()
	c.Config.Delivery.Concurrency = 1
	if _, err := s.Commit(ctx, c, alice, "", true); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if settingsOf(t, s) != before || s.Running().Revision.Number != 1 {
		t.Error("something has changed")
	}
}

// Two sessions that touch different objects are both kept.
// The same change made by two sessions is no conflict, and is committed once.
// Each of two changes is valid, both together are not.
func TestConcurrentCommits(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	const sessions = 12
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			c := s.Candidate()
			c.Config.Destinations[fmt.Sprintf("d%d.example", i)] = &Destination{TLS: TLSRequire}
			if _, err := s.Commit(context.Background(), c, alice, "", true); err != nil {
				t.Error(err)
			}
			s.Revisions()
		})
	}
	wg.Wait()
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if c := again.Running(); len(c.Config.Destinations) != sessions+1 || c.Revision.Number != sessions+1 {
		t.Errorf("%d entries, revision %d", len(c.Config.Destinations), c.Revision.Number)
	}
}

// part is one part of the appliance, which notes what it is told.
type part struct {
	name string
	fail error
	log  *[]string
}

func (p *part) Prepare(context.Context, *Config, *Config) (Prepared, error) {
	*p.log = append(*p.log, "prepare "+p.name)
	if p.fail != nil {
		return nil, p.fail
	}
	return p, nil
}
func (p *part) Commit() { *p.log = append(*p.log, "commit "+p.name) }
func (p *part) Abort()  { *p.log = append(*p.log, "abort "+p.name) }

func TestAppliers(t *testing.T) {
	s := newTestStore(t)
	var log []string
	parts := []*part{{name: "a", log: &log}, {name: "b", log: &log}, {name: "c", log: &log}}
	s.SetAppliers(parts[0], parts[1], parts[2])
	mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 1 })
	if got := strings.Join(log, ", "); got != "prepare a, prepare b, prepare c, commit a, commit b, commit c" {
		t.Errorf("got %s", got)
	}

	log = nil
	parts[2].fail = errors.New("port 25 is in use")
	before, files := s.Running(), snapshotFiles(t, s.dir)
	c := s.Candidate()
	c.Config.Delivery.Concurrency = 2
	_, err := s.Commit(context.Background(), c, alice, "", true)
	var pe *PrepareError
	if !errors.As(err, &pe) || !errors.Is(err, parts[2].fail) {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(log, ", "); got != "prepare a, prepare b, prepare c, abort b, abort a" {
		t.Errorf("got %s", got)
	}
	if s.Running() != before || !reflect.DeepEqual(snapshotFiles(t, s.dir), files) {
		t.Error("something has changed")
	}
	parts[2].fail = nil
	if _, err := s.Commit(context.Background(), c, alice, "", true); err != nil {
		t.Errorf("the same candidate again: %v", err)
	}
}

// snapshotFiles reads every file below dir.
func snapshotFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			files[path] = "folder"
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRevisionsAreFifty(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	old := put(t, s, "old")
	mustCommit(t, s, func(c *Config) { c.Refs[PassphraseRef("admin")] = old })
	recent := put(t, s, "recent")
	ago := time.Now().Add(-2 * unusedSecrets)
	for _, id := range []string{old, recent} {
		if err := os.Chtimes(filepath.Join(s.dir, vaultName, id), ago, ago); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, s, func(c *Config) { c.Refs[PassphraseRef("admin")] = recent })
	young := put(t, s, "of a session that has not committed yet")
	for i := range keptRevisions - 2 {
		if _, err := s.Vault().Get(old); err != nil {
			t.Fatalf("swept while revision 2 is kept, at %d: %v", i, err)
		}
		mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 1 + i })
	}
	mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 1000 })
	if list := s.Revisions(); len(list) != keptRevisions || list[0].Number != 52 || list[keptRevisions-1].Number != 3 {
		t.Errorf("%d revisions from %d", len(list), list[len(list)-1].Number)
	}
	if entries, _ := os.ReadDir(filepath.Join(s.dir, revisionsName)); len(entries) != keptRevisions {
		t.Errorf("%d files", len(entries))
	}
	if _, err := s.Vault().Get(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a secret that no revision names: %v", err)
	}
	for _, id := range []string{recent, young} {
		if _, err := s.Vault().Get(id); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.ChangesOf(3); !errors.Is(err, ErrNoRevision) {
		t.Errorf("got %v", err)
	}
	if changes, err := s.ChangesOf(4); err != nil || len(changes) != 1 {
		t.Errorf("%v, %v", changes, err)
	}
}

// A file that is edited while Posthouse runs is not lost to the next commit.
// A file that somebody removed is back after the next commit, even after one of secrets alone.
// What an operator types as a comment must not make the revision unreadable.
func TestCommentsOfAllKinds(t *testing.T) {
	s := newTestStore(t)
	for i, comment := range []string{"é \"quoted\" 'x' \\", "a\nb\x00c\x1b[2J", "\xff\xfe", strings.Repeat("é", 2000), "\n# ---- posthouse.toml ----\n", "'''"} {
		c := s.Candidate()
		c.Config.Delivery.Concurrency = 1 + i
		if _, err := s.Commit(context.Background(), c, Author{User: comment, From: comment}, comment, false); err != nil {
			t.Fatal(err)
		}
		again, err := Open(s.dir)
		if err != nil || !reflect.DeepEqual(again.Revisions(), s.Revisions()) {
			t.Errorf("%q: %v", comment, err)
		}
		if got := s.Running().Revision.Comment; !plainText(got) || len(got) > maxComment {
			t.Errorf("%q is kept as %q", comment, got)
		}
	}
}

// The same settings committed on two appliances, in another order and by other people, are the same file.
func TestTwoAppliancesOneFile(t *testing.T) {
	a, b := newTestStore(t), newTestStore(t)
	mustCommit(t, a, func(c *Config) { c.Destinations["x.example"] = &Destination{TLS: TLSRequire} })
	mustCommit(t, a, func(c *Config) { c.Routes = map[string]*Route{"y.example": {Hops: []string{"192.0.2.1:25"}}} })
	id := put(t, b, "only here")
	mustCommit(t, b, func(c *Config) {
		c.Routes = map[string]*Route{"Y.example": {Hops: []string{"[192.0.2.1]"}}}
		c.Refs[CertificateRef(DemoCertificate)] = id
	})
	mustCommit(t, b, func(c *Config) { c.Destinations["X.Example."] = &Destination{TLS: TLSRequire} })
	if settingsOf(t, a) != settingsOf(t, b) {
		t.Error("the files differ")
	}
}
