package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestOpenBrokenFile(t *testing.T) {
	s := newTestStore(t)
	for broken, want := range map[string]string{
		"max_hops = ninety":  "injection.max_hops",
		"max_hopps = 90":     `injection.max_hopps: unknown key "max_hopps": `,
		"max_hops = 0":       "injection.max_hops: 0 is not a number from 1 to 1000",
		"max_hops = \"100\"": "injection.max_hops: a whole number is wanted",
	} {
		text := strings.Replace(string(s.settings), "max_hops = 100", broken, 1)
		if err := os.WriteFile(s.settingsPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		line := 1 + strings.Count(text[:strings.Index(text, broken)], "\n")
		before := snapshotFiles(t, s.dir)
		for _, err := range []error{Check(s.dir), onlyError(Open(s.dir))} {
			prefix := fmt.Sprintf("%s: line %d: ", s.settingsPath(), line)
			if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), strings.TrimSuffix(want, ": ")) {
				t.Errorf("%s: got %v, want %s%s", broken, err, prefix, want)
			}
		}
		if !reflect.DeepEqual(before, snapshotFiles(t, s.dir)) {
			t.Errorf("%s: a file has changed", broken)
		}
	}
}

func onlyError(_ *Store, err error) error { return err }

func TestOpenEditedFile(t *testing.T) {
	s := newTestStore(t)
	id := put(t, s, "hash")
	mustCommit(t, s, func(c *Config) { c.Refs[PassphraseRef("admin")] = id })
	write := func(text string) {
		if err := os.WriteFile(s.settingsPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	canonical := settingsOf(t, s)
	write(strings.Replace(canonical, "max_hops = 100", "max_hops=77 # less", 1))
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	r := again.Running()
	if r.Revision.Number != 3 || r.Revision.Author != handEdit || r.Config.Injection.MaxHops != 77 || r.Config.Refs[PassphraseRef("admin")] != id {
		t.Errorf("got %+v %v", r.Revision, r.Config.Refs)
	}
	if got := settingsOf(t, again); got != strings.Replace(canonical, "max_hops = 100", "max_hops = 77", 1) {
		t.Errorf("the file is\n%s", got)
	}

	write("# only a remark\n" + settingsOf(t, again))
	again, err = Open(s.dir)
	if err != nil || again.Running().Revision.Number != 3 || strings.Contains(settingsOf(t, again), "remark") {
		t.Errorf("%v", err)
	}

	write(canonical) // as a backup is put back
	again, err = Open(s.dir)
	if err != nil || again.Running().Revision.Number != 4 || again.Running().Config.Injection.MaxHops != 100 {
		t.Errorf("%v", err)
	}

	write(canonical + "\n[certificates.made_up]\n")
	if _, err := Open(s.dir); err == nil || !strings.Contains(err.Error(), "certificates.made_up: the file names a certificate profile") {
		t.Errorf("got %v", err)
	}
}

func TestCommitPutsEditedFileAside(t *testing.T) {
	s := newTestStore(t)
	edited := settingsOf(t, s) + "# my edit\n"
	if err := os.WriteFile(s.settingsPath(), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	r := mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 5 })
	got, err := os.ReadFile(filepath.Join(s.dir, r.Edited))
	if err != nil || string(got) != edited {
		t.Errorf("%q, %v", r.Edited, err)
	}
	if r := mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 6 }); r.Edited != "" {
		t.Errorf("put aside again: %q", r.Edited)
	}
}

func TestCommitBringsRemovedFileBack(t *testing.T) {
	s := newTestStore(t)
	before := settingsOf(t, s)
	if err := os.Remove(s.settingsPath()); err != nil {
		t.Fatal(err)
	}
	id := put(t, s, "hash")
	mustCommit(t, s, func(c *Config) { c.Refs[PassphraseRef("admin")] = id })
	if settingsOf(t, s) != before {
		t.Error("the file differs")
	}
	if again, err := Open(s.dir); err != nil || !reflect.DeepEqual(again.Running(), s.Running()) {
		t.Errorf("%v", err)
	}
}

func TestDamagedRevision(t *testing.T) {
	s := newTestStore(t)
	mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 5 })
	path := s.revisionPath(1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte("max_hops = 100"), []byte("max_hops = 101"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir)
	if err != nil || len(again.Revisions()) != 1 {
		t.Fatalf("%v", err)
	}
	if err := Check(s.dir); err == nil || !strings.Contains(err.Error(), "do not match its digest") {
		t.Errorf("got %v", err)
	}
	for _, e := range s.Revisions() {
		os.Remove(s.revisionPath(e.Number))
	}
	if _, err := Open(s.dir); err == nil || !strings.Contains(err.Error(), "no revision can be read") {
		t.Errorf("got %v", err)
	}
}

func TestCheckFindsMissingSecret(t *testing.T) {
	s := newTestStore(t)
	id := put(t, s, "hash")
	mustCommit(t, s, func(c *Config) { c.Refs[PassphraseRef("admin")] = id })
	before := snapshotFiles(t, s.dir)
	if err := Check(s.dir); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(before, snapshotFiles(t, s.dir)) {
		t.Error("the check changed something")
	}
	os.Remove(filepath.Join(s.dir, vaultName, id))
	if err := Check(s.dir); err == nil || !strings.Contains(err.Error(), "users.admin.passphrase") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// What is damaged and not needed for a start is named, each in one line, so that the operator hears of it.
func TestFaults(t *testing.T) {
	s, _ := newFaultyStore(t)
	mustCommit(t, s, hops(77))
	mustCommit(t, s, hops(78))
	if list := s.Faults(); len(list) > 0 {
		t.Errorf("got %v", list)
	}
	id := s.Running().Config.Refs[PassphraseRef("admin")]
	if err := errors.Join(os.Remove(filepath.Join(s.dir, vaultName, id)), os.WriteFile(s.revisionPath(4), []byte("\x00"), 0o600)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	r := again.Running()
	if r.Config.Injection.MaxHops != 78 || r.Revision.Number != 5 || r.Revision.Comment != "posthouse.toml is not that of the newest revision that can be read" {
		t.Errorf("runs %+v", r.Revision)
	}
	list := again.Faults()
	if len(list) != 2 || !strings.Contains(list[0].Error(), "00000004.revision") || !strings.HasPrefix(list[1].Error(), "users.admin.passphrase: ") {
		t.Errorf("got %v", list)
	}
}
