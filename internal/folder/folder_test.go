package folder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func small(t *testing.T) *Folder {
	return New(t.TempDir(), Limits{Files: 3, FileSize: 100, Size: 250})
}

// left are the names in the folder, hidden ones included.
func left(t *testing.T, d *Folder) string {
	t.Helper()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestUploadIsWholeOrNotThere(t *testing.T) {
	d := small(t)
	if err := d.Write("a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	u, err := d.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(u.Writer(), "new and longer"); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(d.Path("a")); string(data) != "old" {
		t.Errorf("before the end it holds %q", data)
	}
	u.Abort()
	if data, _ := os.ReadFile(d.Path("a")); string(data) != "old" || left(t, d) != "a" {
		t.Errorf("after a break it holds %q, and there is %s", data, left(t, d))
	}
	u, _ = d.Create("a")
	u.WriteAt([]byte("part"), 10)
	if err := u.Commit(time.Time{}); err == nil {
		t.Error("a file with a hole is taken")
	}
	u, _ = d.Create("a")
	io.WriteString(u.Writer(), "half")
	u.Fail(io.ErrUnexpectedEOF)
	if err := u.Commit(time.Time{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken upload ends with %v", err)
	}
	u, _ = d.Create("a")
	io.WriteString(u.Writer(), "new")
	when := time.Unix(1e9, 0)
	if err := u.Commit(when); err != nil {
		t.Fatal(err)
	}
	info, err := d.Stat("a")
	if err != nil || !info.ModTime().Equal(when) || info.Size() != 3 || info.Mode().Perm() != 0o600 || left(t, d) != "a" {
		t.Errorf("%v, %v, %s", info, err, left(t, d))
	}
	if _, err := u.WriteAt([]byte("x"), 0); err == nil || u.Commit(when) == nil {
		t.Error("an upload goes on behind its end")
	}
}

func TestLimits(t *testing.T) {
	d := small(t)
	if err := d.Write("large", make([]byte, 101)); !errors.Is(err, ErrQuota) {
		t.Errorf("a large file: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if err := d.Write(name, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Write("c", make([]byte, 51)); !errors.Is(err, ErrQuota) {
		t.Errorf("too much in all: %v", err)
	}
	if err := d.Write("a", make([]byte, 100)); err != nil {
		t.Errorf("in the place of one that was there: %v", err)
	}
	under, err := d.Create("c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := under.WriteAt(make([]byte, 50), 0); err != nil {
		t.Error(err)
	}
	if err := d.Write("d", nil); !errors.Is(err, ErrQuota) {
		t.Errorf("a file more than there may be, one of them under way: %v", err)
	}
	if err := under.Commit(time.Time{}); err != nil {
		t.Error(err)
	}
	u, err := d.Create("a")
	if err == nil {
		_, err = u.WriteAt([]byte("x"), -1)
		u.Abort()
	}
	if !errors.Is(err, ErrQuota) {
		t.Errorf("before the beginning: %v", err)
	}
	if got := left(t, d); got != "a b c" {
		t.Errorf("there is %s", got)
	}
	full := New(t.TempDir(), Limits{Files: 3, FileSize: 100, Size: 100, Reserve: 1 << 60})
	if err := full.Write("a", nil); !errors.Is(err, ErrQuota) {
		t.Errorf("on a full disk: %v", err)
	}
}

func TestOnlyPlainFilesWithPlainNames(t *testing.T) {
	d := small(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Symlink(outside, d.Path("link")), os.Mkdir(d.Path("dir"), 0o700), os.WriteFile(d.Path("plain"), nil, 0o600),
		os.WriteFile(d.Path(".hidden"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{"link": ErrLink, "dir": ErrNotPlain, "none": fs.ErrNotExist, ".hidden": nil, "../outside": nil, "": nil} {
		_, open := d.Open(name)
		_, stat := d.Stat(name)
		remove, rename := d.Remove(name), d.Rename(name, "other", true)
		for what, err := range map[string]error{"open": open, "stat": stat, "remove": remove, "rename": rename} {
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
		if u, err := d.Create(name); name != "none" && err == nil {
			t.Errorf("create %q", name)
		} else if err == nil {
			u.Abort()
		}
		if err := d.Rename("plain", name, true); name != "none" && err == nil {
			t.Errorf("plain is renamed to %q", name)
			return
		} else if err == nil {
			d.Rename(name, "plain", false)
		}
	}
	if data, err := os.ReadFile(outside); string(data) != "secret" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if got := strings.Join(d.Names(), " "); got != "plain" {
		t.Errorf("listed: %s", got)
	}
	d.Write("second", []byte("2"))
	if err := d.Rename("plain", "second", false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto another: %v", err)
	}
	if err := d.Rename("second", "plain", true); err != nil || strings.Join(d.Names(), " ") != "plain" {
		t.Errorf("%v, %v", err, d.Names())
	}
	u, _ := d.Create("late")
	os.Mkdir(d.Path("late"), 0o700)
	if err := u.Commit(time.Time{}); !errors.Is(err, ErrNotPlain) {
		t.Errorf("a folder came between: %v", err)
	}
}

func TestSweep(t *testing.T) {
	d := small(t)
	d.Write("a", nil)
	for _, name := range []string{".posthouse-12345.tmp", ".other"} {
		if err := os.WriteFile(d.Path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Sweep(); err != nil || left(t, d) != ".other a" {
		t.Errorf("%v, there is %s", err, left(t, d))
	}
}
