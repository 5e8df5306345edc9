package commands

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/safefile"
	"posthouse/shell"
)

func TestFileStorePaths(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", "MID 1 line")
	if err := os.WriteFile(filepath.Join(b.a.Files, "a"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := FileStore(b.a)
	for _, path := range []string{"a", "/a", "./a", "configuration/a", "/configuration/a", "//configuration//a", "configuration/./a"} {
		f, err := s.Open(shell.Operator, path)
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if info, err := f.Stat(); err != nil || info.Size() != 4 {
			t.Errorf("%q: %v, %v", path, info, err)
		}
		f.Close()
	}
	for _, path := range []string{"..", "../a", "/configuration/../a", "configuration/b/a", "mail_logs/../a", ".a", "/etc/passwd", "a/", "b", "mail_logs/x",
		"configuration", "/", "", "mail_logs", strings.Repeat("x/", 400)} {
		if f, err := s.Open(shell.Administrator, path); err == nil && path != "a/" {
			f.Close()
			t.Errorf("%q is opened", path)
		}
	}
	for _, path := range []string{"/", ".", "", "configuration", "/configuration/", "mail_logs", "/mail_logs/"} {
		if info, err := s.Stat(shell.Administrator, path); err != nil || !info.IsDir() {
			t.Errorf("%q: %v, %v", path, info, err)
		}
	}
	list, err := s.List(shell.Administrator, "/")
	if names := infoNames(list); err != nil || names != "a configuration mail_logs" {
		t.Errorf("the root has %s, %v", names, err)
	}
	for _, info := range list {
		if age := time.Since(info.ModTime()); age < -time.Hour || age > time.Hour {
			t.Errorf("%s was changed %s", info.Name(), info.ModTime())
		}
	}
}

func infoNames(list []fs.FileInfo) string {
	var names []string
	for _, i := range list {
		names = append(names, i.Name())
	}
	return strings.Join(names, " ")
}

// TestFileStoreRoles holds who may do what: files may have secrets, logs have none.
func TestFileStoreRoles(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", "MID 1 line")
	s := FileStore(b.a)
	for role, may := range map[shell.Roles]struct{ files, logs bool }{
		shell.Administrator: {true, true}, shell.Operator: {true, true}, shell.ReadOnly: {false, true},
		shell.Guest: {}, shell.Technician: {}, shell.HelpDesk: {}, 0: {},
	} {
		if err := os.WriteFile(filepath.Join(b.a.Files, "a"), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		done := func(what string, want bool, err error) {
			t.Helper()
			if (err == nil) != want || err != nil && !errors.Is(err, shell.ErrRole) && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("role %d, %s: %v", role, what, err)
			}
		}
		f, err := s.Open(role, "a")
		if err == nil {
			f.Close()
		}
		done("open", may.files, err)
		u, err := s.Create(role, "b")
		if err == nil {
			u.Abort()
		}
		done("create", may.files, err)
		_, err = s.List(role, "configuration")
		done("list", may.files, err)
		done("rename", may.files, s.Rename(role, "a", "c", true))
		_, err = s.Stat(role, "/")
		done("root", may.logs, err)
		f, err = s.Open(role, "mail_logs/mail.current")
		if err == nil {
			f.Close()
		}
		done("log", may.logs, err)
		_, err = s.List(role, "mail_logs")
		done("list log", may.logs, err)
		_, err = s.Create(role, "mail_logs/x")
		done("write log", false, err)
		done("remove log", false, s.Remove(role, "mail_logs/mail.current"))
		done("rename log", false, s.Rename(role, "mail_logs/mail.current", "x", true))
		if may.files {
			done("remove", true, s.Remove(role, "c"))
		}
	}
}

// TestFileStoreLogs reads the current file of a log under its own name, and no other link.
func TestFileStoreLogs(t *testing.T) {
	b := newBench(t)
	l := b.log("mail_logs", "Text Mail Logs", "MID 1 first")
	if err := l.Rollover(); err != nil {
		t.Fatal(err)
	}
	l.Line(eventlog.Info, "MID 2 second")
	outside := filepath.Join(t.TempDir(), "secret")
	for _, err := range []error{os.WriteFile(outside, []byte("secret"), 0o600), os.Symlink(outside, filepath.Join(l.Folder(), "evil"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := FileStore(b.a)
	list, err := s.List(shell.ReadOnly, "mail_logs")
	if err != nil || len(list) != 3 || !strings.Contains(infoNames(list), "mail.current") {
		t.Errorf("listed: %s, %v", infoNames(list), err)
	}
	f, err := s.Open(shell.ReadOnly, "/mail_logs/mail.current")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Name() != "mail.current" {
		t.Errorf("%v, %v", info, err)
	}
	text, _ := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if !strings.Contains(string(text), "MID 2 second") || strings.Contains(string(text), "MID 1 first") {
		t.Errorf("it holds %q", text)
	}
	if f, err := s.Open(shell.Administrator, "mail_logs/evil"); err == nil {
		f.Close()
		t.Error("a link out of the folder is followed")
	}
}

// FuzzFind never finds anything but a plain name, and never opens what is outside.
func FuzzFind(f *testing.F) {
	for _, path := range []string{"a", "/configuration/a", "mail_logs/mail.current", "../a", "//", "a/../b", "configuration/configuration", "a\x00b", "...", "\\a"} {
		f.Add(path)
	}
	dir := f.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "configuration"), 0o700), os.WriteFile(filepath.Join(dir, "secret"), nil, 0o600),
		os.Symlink("../secret", filepath.Join(dir, "configuration", "secret")), os.Symlink("..", filepath.Join(dir, "configuration", "up")),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	l, err := eventlog.Open(eventlog.Options{Dir: filepath.Join(dir, "logs"), Name: "mail_logs", File: "mail"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	a := &Appliance{Files: filepath.Join(dir, "configuration"), Logs: logList{l}}
	f.Fuzz(func(t *testing.T, path string) {
		s := fileStore{a}
		p, err := s.find(path)
		if err == nil && p.name != "" && safefile.Name(p.name) != nil {
			t.Errorf("%q finds %q", path, p.name)
		}
		if file, err := s.Open(shell.Administrator, path); err == nil {
			file.Close()
			if p.log == nil {
				t.Errorf("%q is opened in a folder without files", path)
			}
		}
		if p.log == nil {
			if err := s.Remove(shell.Administrator, path); err == nil {
				t.Errorf("%q is removed from a folder without files", path)
			}
		}
	})
}

func TestFilesCommand(t *testing.T) {
	b := newBench(t)
	when := time.Date(2026, 5, 28, 12, 0, 0, 0, time.Local)
	for name, size := range map[string]int{"b.xml": 1234567, "a.txt": 5} {
		path := filepath.Join(b.a.Files, name)
		if err := errors.Join(os.WriteFile(path, make([]byte, size), 0o600), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	want := "             5  2026-05-28 12:00:00  a.txt\n     1,234,567  2026-05-28 12:00:00  b.xml\n2 files, 1,234,572 bytes\n"
	if got := b.exec(0, "files", ""); got != want {
		t.Errorf("files prints\n%s", got)
	}
	if got := b.exec(0, "files *.XML", ""); !strings.HasSuffix(got, "1 file, 1,234,567 bytes\n") {
		t.Errorf("files *.XML prints\n%s", got)
	}
	contains(t, b.exec(0, "files --json", ""), `"name": "a.txt"`, `"size": 5`, `"name": "b.xml"`, `"bytes": 1234572`)
	b.fails("delete none", "", `No such file "none"`)
	b.fails("delete a.txt b.xml", "", `Invalid word "b.xml": delete takes a file's name, and -y or force.`)
	b.fails("delete ../a.txt", "", "Invalid name")
	if got := b.exec(0, "delete a.txt", ""); got != "Deleted \"a.txt\".\n" {
		t.Errorf("delete prints %q", got)
	}
	// In a script the words say everything; -y and force say it at a terminal too.
	if err := writeFile(b.a, "a.txt", nil); err != nil {
		t.Fatal(err)
	}
	b.script(0, "delete a.txt -y")
	b.exec(0, "delete", "b.xml\nn\n")
	b.exec(0, "delete", "b.xml\ny\n")
	if got := b.exec(0, "files", ""); got != "0 files, 0 bytes\n" {
		t.Errorf("files prints %q", got)
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"a*c", "abc", true}, {"a*c", "abcd", false}, {"*.xml", "a.b.xml", true}, {"?", "ä", true}, {"?", "", false},
		{"a**b", "ab", true}, {"", "a", false}, {"*a*a*a*b", strings.Repeat("a", 2000), false},
	} {
		if got := like(c.pattern, c.name); got != c.want {
			t.Errorf("%q like %.20q: %v", c.name, c.pattern, got)
		}
	}
}
