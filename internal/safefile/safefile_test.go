package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var errDisk = errors.New("disk fault")

// failing is a file system on which one named step fails.
type failing struct {
	FS
	step string
}

func (f failing) CreateTemp(dir, pattern string) (File, error) {
	if f.step == "create" {
		return nil, errDisk
	}
	file, err := f.FS.CreateTemp(dir, pattern)
	return failingFile{file, f.step}, err
}

func (f failing) Rename(from, to string) error {
	if f.step == "rename" {
		return errDisk
	}
	return f.FS.Rename(from, to)
}

func (f failing) SyncDir(dir string) error {
	if f.step == "syncdir" {
		return errDisk
	}
	return f.FS.SyncDir(dir)
}

type failingFile struct {
	File
	step string
}

func (f failingFile) Chmod(perm fs.FileMode) error {
	if f.step == "chmod" {
		return errDisk
	}
	return f.File.Chmod(perm)
}

func (f failingFile) Write(p []byte) (int, error) {
	if f.step == "write" {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, errDisk
	}
	return f.File.Write(p)
}

func (f failingFile) Sync() error {
	if f.step == "sync" {
		return errDisk
	}
	return f.File.Sync()
}

func (f failingFile) Close() error {
	err := f.File.Close()
	if f.step == "close" {
		return errDisk
	}
	return err
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"one", "", "three, which is longer"} {
		if err := Write(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != text {
			t.Errorf("got %q", got)
		}
	}
	if err := Write(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteFailsWhole(t *testing.T) {
	for _, step := range []string{"create", "chmod", "write", "sync", "close", "rename", "syncdir"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := Write(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := WriteFS(failing{OS, step}, path, []byte("new content"), 0o600)
		if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", step, err)
		}
		want := "old"
		var late *NotDurableError
		if errors.As(err, &late) {
			want = "new content"
		}
		if errors.As(err, &late) != (step == "syncdir") {
			t.Errorf("%s: got %v", step, err)
		}
		if got := content(t, path); got != want {
			t.Errorf("%s: left %q", step, got)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("%s: left %v", step, entries)
		}
	}
}

func TestWriteWithoutFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	if err := Write(path, nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestName(t *testing.T) {
	for _, good := range []string{"mx.p12", "a", "Schlüssel 1.pem", strings.Repeat("a", MaxName), "a..b", "~x", "-"} {
		if err := Name(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "../x", "a/b", `a\b`, ".hidden", "a\x00", "a\nb", "\x1b[2J", "\xff", " a", "a ", "/etc/passwd",
		strings.Repeat("a", MaxName+1), strings.Repeat("a", 1<<20), "a\u202eb",
	} {
		err := Name(bad)
		if err == nil {
			t.Errorf("%.40q is accepted", bad)
		} else if len(err.Error()) > 1000 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("mx.p12")
	f.Add("../x")
	f.Fuzz(func(t *testing.T, name string) {
		if Name(name) != nil {
			return
		}
		dir := filepath.FromSlash("/configuration")
		if got := filepath.Join(dir, name); filepath.Dir(got) != dir || filepath.Base(got) != name {
			t.Errorf("%q leads to %q", name, got)
		}
	})
}

func TestWriteBy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := WriteBy(path, 0o600, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteBy(path, 0o600, func(w io.Writer) error { io.WriteString(w, "a part"); return broken })
	if !errors.Is(err, broken) || content(t, path) != "whole" {
		t.Errorf("%v, and the file has %q", err, content(t, path))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}
