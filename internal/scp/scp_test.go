package scp

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	pathpkg "path"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// memory are files of a test. A path that ends in a slash, and ".", are folders.
type memory struct {
	files map[string]string
	limit int
	begun []string
}

func (m *memory) Stat(path string) (fs.FileInfo, error) {
	if path == "." || strings.HasSuffix(path, "/") {
		return info{name: path, dir: true}, nil
	}
	if text, ok := m.files[path]; ok {
		return info{name: path, size: int64(len(text))}, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) List(string) (list []fs.FileInfo, err error) {
	for name, text := range m.files {
		list = append(list, info{name: name, size: int64(len(text))})
	}
	return list, nil
}

func (m *memory) Open(path string) (File, error) {
	text, ok := m.files[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return memoryFile{strings.NewReader(text), info{name: path, size: int64(len(text))}}, nil
}

func (m *memory) Create(path string) (Upload, error) {
	if path == "forbidden" {
		return nil, errors.New("forbidden")
	}
	m.begun = append(m.begun, path)
	return &memoryUpload{m: m, path: path}, nil
}

type memoryFile struct {
	*strings.Reader
	i info
}

func (memoryFile) Close() error                 { return nil }
func (f memoryFile) Stat() (fs.FileInfo, error) { return f.i, nil }

type memoryUpload struct {
	m     *memory
	path  string
	data  []byte
	fault error
	over  bool
}

func (u *memoryUpload) WriteAt(b []byte, offset int64) (int, error) {
	if u.m.limit > 0 && int(offset)+len(b) > u.m.limit {
		return 0, errors.New("quota")
	}
	if int64(len(u.data)) != offset {
		return 0, errors.New("hole")
	}
	u.data = append(u.data, b...)
	return len(b), nil
}

func (u *memoryUpload) Fail(err error) { u.fault = err }
func (u *memoryUpload) Abort()         { u.over = true }
func (u *memoryUpload) Commit(time.Time) error {
	if u.over || u.fault != nil {
		return errors.New("committed after its end")
	}
	u.over = true
	u.m.files[u.path] = string(u.data)
	return nil
}

type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string     { return filepath.Base(i.name) }
func (i info) Size() int64      { return i.size }
func (info) Mode() fs.FileMode  { return 0o600 }
func (info) ModTime() time.Time { return time.Unix(1e9, 0) }
func (i info) IsDir() bool      { return i.dir }
func (info) Sys() any           { return nil }

// talk serves a request to a client that has said everything beforehand.
func talk(m *memory, words, said string) (string, error) {
	r, ok := Parse(strings.Fields(words))
	if !ok {
		return "", errors.New("no scp")
	}
	var out bytes.Buffer
	err := Serve(r, m, iotest.OneByteReader(strings.NewReader(said)), &out)
	return out.String(), err
}

func TestTake(t *testing.T) {
	for _, c := range []struct{ words, said, answer, files, err string }{
		{"-t .", "C0644 3 a\nabc\x00C0644 0 b\n\x00", "\x00\x00\x00\x00\x00", "a=abc b=", ""},
		{"-t x", "C0644 3 a\nabc\x00", "\x00\x00\x00", "x=abc", ""},
		{"-p -t x", "T1000000000 0 1000000000 0\nC0644 1 a\na\x00", "\x00\x00\x00\x00", "x=a", ""},
		{"-t .", "", "\x00", "", ""},
		{"-d -t x", "", "\x02scp: x: it is not a folder\n", "", "not a folder"},
		{"-r -t .", "", "\x02scp: -r is not taken: there are no folders to copy\n", "", "-r"},
		{"-t .", "D0755 0 d\n", "\x00\x02scp: folders are not taken\n", "", "folders"},
		{"-t .", "C0644 3 a\nab", "\x00\x00\x02scp: unexpected EOF\n", "", "EOF"},
		{"-t .", "C0644 3 a\nabc", "\x00\x00\x02scp: EOF\n", "", "EOF"},
		{"-t .", "C0644 3 a\nabc\x01could not read\nC0644 1 b\nb\x00", "\x00\x00\x00\x00\x00", "b=b", "refuses"},
		{"-t .", "\x01a: no such file\nC0644 1 b\nb\x00", "\x00\x00\x00", "b=b", "refuses"},
		{"-t .", "\x02no more\n", "\x00\x02scp: the client ends it: \"no more\"\n", "", "ends it"},
		{"-t .", "C0644 3 ../a\nabc\x00", "\x00\x02scp: protocol error: the name \"../a\"\n", "", "name"},
		{"-t .", "C0644 -3 a\n", "\x00\x02scp: protocol error: the size \"-3\"\n", "", "size"},
		{"-t .", "C0999 3 a\n", "\x00\x02scp: protocol error: \"C0999 3 a\"\n", "", "protocol"},
		{"-t .", "C0644\n", "\x00\x02scp: protocol error: \"C0644\"\n", "", "protocol"},
		{"-t .", "T1 2 3\n", "\x00\x02scp: protocol error: \"T1 2 3\"\n", "", "protocol"},
		{"-t .", "Tx 0 1 0\n", "\x00\x02scp: protocol error: the time \"x\"\n", "", "time"},
		{"-t .", "X\n", "\x00\x02scp: protocol error: a line that begins with 'X'\n", "", "protocol"},
		{"-t .", "\n", "\x00\x02scp: protocol error: an empty line\n", "", "empty"},
		{"-t forbidden", "C0644 3 a\n", "\x00\x01scp: forbidden\n", "", "refuses"},
		{"-t .", "C0644 20 a\n" + strings.Repeat("x", 20) + "\x00C0644 1 b\nb\x00", "\x00\x00\x01scp: quota\n\x00\x00", "b=b", "refuses"},
		{"-t .", strings.Repeat("C", maxLine+2), "\x00\x02scp: protocol error: a line of more than 4096 bytes\n", "", "line"},
	} {
		m := &memory{files: map[string]string{}, limit: 10}
		answer, err := talk(m, c.words, c.said)
		files := fmt.Sprint(m.files)
		if answer != c.answer || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s %.40q: answer %q, %v", c.words, c.said, answer, err)
		}
		want := map[string]string{}
		for _, f := range strings.Fields(c.files) {
			name, text, _ := strings.Cut(f, "=")
			want[name] = text
		}
		if files != fmt.Sprint(want) {
			t.Errorf("%s %.40q: files %s, want %v", c.words, c.said, files, want)
		}
	}
}

func TestGive(t *testing.T) {
	ok := strings.Repeat("\x00", 9)
	for _, c := range []struct{ words, said, answer, err string }{
		{"-f a", ok, "C0600 3 a\nabc\x00", ""},
		{"-p -f a", ok, "T1000000000 0 1000000000 0\nC0600 3 a\nabc\x00", ""},
		{"-f a none b", ok, "C0600 3 a\nabc\x00\x01scp: none: file does not exist\nC0600 0 b\n\x00", "refuses"},
		{"-f [ab]", ok, "", ""},
		{"-f *.x", ok, "\x01scp: *.x: file does not exist\n", "refuses"},
		{"-f .", ok, "\x01scp: .: it is a folder\n", "refuses"},
		{"-r -f .", ok, "\x02scp: -r is not taken: there are no folders to copy\n", "-r"},
		{"-f a", "\x00\x01no room\n", "C0600 3 a\n", "refuses"},
		{"-f a b", "\x00\x01no room\n\x00\x00", "C0600 3 a\nC0600 0 b\n\x00", "refuses"},
		{"-f a", "\x02go away\n", "\x02scp: the client ends it: \"go away\"\n", "ends it"},
		{"-f a", "", "\x02scp: EOF\n", "EOF"},
		{"-f a", "\x00\x07", "C0600 3 a\n\x02scp: protocol error: an answer that is none\n", "answer"},
	} {
		m := &memory{files: map[string]string{"a": "abc", "b": ""}}
		answer, err := talk(m, c.words, c.said)
		if c.words == "-f [ab]" {
			if !strings.Contains(answer, "C0600 3 a\nabc\x00") || !strings.Contains(answer, "C0600 0 b\n\x00") {
				t.Errorf("a pattern gives %q, %v", answer, err)
			}
			continue
		}
		if answer != c.answer || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s %q: answer %q, %v", c.words, c.said, answer, err)
		}
	}
}

// TestGiveAShrunkFile sends as many bytes as were announced, and says that they are not the file's.
func TestGiveAShrunkFile(t *testing.T) {
	m := &shrunk{memory{files: map[string]string{"a": "abc"}}}
	var out bytes.Buffer
	r, _ := Parse([]string{"-f", "a"})
	if err := Serve(r, m, strings.NewReader("\x00\x00\x00"), &out); err == nil {
		t.Error("nothing is said")
	}
	if got := out.String(); got != "C0600 5 a\nabc\x00\x00\x01scp: unexpected EOF\n" {
		t.Errorf("%q", got)
	}
}

type shrunk struct{ memory }

func (s *shrunk) Open(path string) (File, error) {
	f, err := s.memory.Open(path)
	if err != nil {
		return nil, err
	}
	g := f.(memoryFile)
	g.i.size += 2
	return g, nil
}

func TestParse(t *testing.T) {
	for words, want := range map[string]bool{
		"-t x": true, "-f x y": true, "-p -v -t -- -x": true, "-pvf x": true, "-qf x": true, "-t": false, "-t x y": false, "x": false,
		"": false, "-S evil -t x": false, "-t -f x": false, "-o ProxyCommand=x -f x": false, "-f": false, "-": false,
	} {
		if _, ok := Parse(strings.Fields(words)); ok != want {
			t.Errorf("scp %s: %v", words, ok)
		}
	}
}

// FuzzTake lets a client say anything: what is committed was announced with that size, and nothing else is begun.
func FuzzTake(f *testing.F) {
	f.Add("-t .", []byte("C0644 3 a\nabc\x00T1 0 1 0\nC0644 0 b\n\x00"))
	f.Add("-p -d -t x/", []byte("T1 0 1 0\nC0644 1 b\nb\x01no\n"))
	f.Add("-t x", []byte("C0644 99999999999 b\nb\x00"))
	f.Add("-t .", []byte("C0644 1 ../a\nb\x00C0644 1 ..\nb\x00"))
	f.Fuzz(func(t *testing.T, words string, said []byte) {
		r, ok := Parse(strings.Fields(words))
		if !ok || !r.Take {
			return
		}
		m := &memory{files: map[string]string{}, limit: 1000}
		var out bytes.Buffer
		Serve(r, m, bytes.NewReader(said), &out)
		total := 0
		for path, text := range m.files {
			total += len(text)
			folder, name := pathpkg.Split(path)
			inside := pathpkg.Clean(folder) == pathpkg.Clean(r.Paths[0]) && name != "" && name != "." && name != ".."
			if path != r.Paths[0] && !inside {
				t.Errorf("%q was written for the target %q", path, r.Paths[0])
			}
		}
		if total > len(said) || out.Len() > 64+(maxLine+100)*(1+len(said)) {
			t.Errorf("%d bytes of files, %d of answers from %d", total, out.Len(), len(said))
		}
	})
}

// FuzzGive lets a client answer anything.
func FuzzGive(f *testing.F) {
	f.Add("-p -f a b", []byte("\x00\x00\x00\x00\x00\x00"))
	f.Add("-f * [", []byte("\x00\x01no\n\x00\x02never\n"))
	f.Fuzz(func(t *testing.T, words string, said []byte) {
		r, ok := Parse(strings.Fields(words))
		if !ok || r.Take || len(r.Paths) > 100 {
			return
		}
		m := &memory{files: map[string]string{"a": "abc", "b": "", "c d": strings.Repeat("x", 1000)}}
		var out bytes.Buffer
		Serve(r, m, bytes.NewReader(said), &out)
		if out.Len() > 2000*(1+3*len(r.Paths))+len(words)*400+len(said)*5 {
			t.Errorf("%d bytes for %d paths", out.Len(), len(r.Paths))
		}
	})
}
