package shell

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/internal/folder"
	"posthouse/internal/scp"
)

// testFiles is a folder for administrators.
type testFiles struct{ *folder.Folder }

func (f testFiles) may(by Roles) error {
	if by&Administrator == 0 {
		return ErrRole
	}
	return nil
}

func (f testFiles) Stat(by Roles, name string) (fs.FileInfo, error) {
	if name == "/" || name == "." {
		return os.Stat(f.Path(""))
	}
	return f.Folder.Stat(path.Base(name))
}

func (f testFiles) List(by Roles, _ string) ([]fs.FileInfo, error) {
	if err := f.may(by); err != nil {
		return nil, err
	}
	return f.Folder.List()
}

func (f testFiles) Open(by Roles, name string) (scp.File, error) {
	if err := f.may(by); err != nil {
		return nil, err
	}
	file, err := f.Folder.Open(path.Base(name))
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f testFiles) Create(by Roles, name string) (scp.Upload, error) {
	if path.Base(name) == "panic" {
		panic("a fault of ours")
	}
	if err := f.may(by); err != nil {
		return nil, err
	}
	u, err := f.Folder.Create(path.Base(name))
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (f testFiles) Remove(by Roles, name string) error {
	return errors.Join(f.may(by), f.Folder.Remove(path.Base(name)))
}

func (f testFiles) Rename(by Roles, from, to string, replace bool) error {
	return errors.Join(f.may(by), f.Folder.Rename(path.Base(from), path.Base(to), replace))
}

// startFiles is a server with a folder of its own.
func startFiles(t *testing.T, change func(*Options)) (*appliance, testFiles) {
	t.Helper()
	files := testFiles{folder.New(t.TempDir(), folder.Limits{Files: 50, FileSize: 1 << 20, Size: 4 << 20})}
	a := startServer(t, func(o *Options) {
		o.Files = files
		if change != nil {
			change(o)
		}
	})
	return a, files
}

func openSFTP(t *testing.T, client *gossh.Client) *sftp.Client {
	t.Helper()
	c, err := sftp.NewClient(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSFTP(t *testing.T) {
	a, files := startFiles(t, nil)
	c := openSFTP(t, a.dial(t, a.config("admin")))
	f, err := c.Create("/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("x"), 100000)); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Folder.Stat("a"); err == nil {
		t.Error("it is there before it is complete")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a.logs.wait(t, `stored by sftp "/a": 100000 bytes, ok`)
	got, err := c.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(got); err != nil || len(data) != 100000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	got.Close()
	a.logs.wait(t, `fetched by sftp "/a": 100000 bytes, ok`)
	if list, err := c.ReadDir("/"); err != nil || len(list) != 1 || list[0].Name() != "a" {
		t.Errorf("%v, %v", list, err)
	}
	for what, err := range map[string]error{
		"mkdir": c.Mkdir("d"), "symlink": c.Symlink("a", "b"), "link": c.Link("a", "b"), "rmdir": c.RemoveDirectory("a"), "rename": c.Rename("none", "x"),
	} {
		if err == nil {
			t.Errorf("%s is granted", what)
		}
	}
	if _, err := c.OpenFile("a", os.O_APPEND|os.O_WRONLY); err == nil {
		t.Error("an upload is taken up in the middle")
	}
	if err := errors.Join(c.Chmod("a", 0o777), c.Rename("a", "b"), c.Remove("b")); err != nil {
		t.Error(err)
	}
	large, err := c.Create("large")
	if err != nil {
		t.Fatal(err)
	}
	_, werr := large.WriteAt([]byte("x"), 2<<20)
	if cerr := large.Close(); werr == nil || cerr == nil || len(files.Names()) != 0 {
		t.Errorf("too large a file: %v, %v, %v", werr, cerr, files.Names())
	}
	if _, err := c.Create("panic"); err == nil {
		t.Error("a fault is granted")
	}
	if _, err := c.Stat("/"); err != nil {
		t.Errorf("after a fault of ours: %v", err)
	}
	a.logs.wait(t, "fault in sftp: a fault of ours")
}

// TestSFTPBreaksOff loses the connection in the middle: the former file stays and nothing beside it.
func TestSFTPBreaksOff(t *testing.T) {
	a, files := startFiles(t, nil)
	if err := files.Write("a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	client := a.dial(t, a.config("admin"))
	c := openSFTP(t, client)
	f, err := c.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	client.Close()
	a.logs.wait(t, `stored by sftp "/a": 3 bytes, failed: unexpected EOF`)
	entries, _ := os.ReadDir(files.Path(""))
	if data, err := os.ReadFile(files.Path("a")); string(data) != "old" || err != nil || len(entries) != 1 {
		t.Errorf("%q, %v, %d files", data, err, len(entries))
	}
}

// TestTransferRole refuses a user whose role has changed since his last request.
func TestTransferRole(t *testing.T) {
	a, files := startFiles(t, nil)
	files.Write("a", []byte("text"))
	client := a.dial(t, a.config("bob"))
	c := openSFTP(t, client)
	if _, err := c.Open("a"); err != nil {
		t.Fatal(err)
	}
	next := a.store.snap.Config.Clone()
	next.Users["bob"].Role = "guest"
	a.store.set(next)
	if _, err := c.Open("a"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a guest opens it: %v", err)
	}
	out, _, status := execRequest(t, client, "scp -f a", "\x00\x00\x00", false)
	if status != statusFailed || !strings.Contains(out, "your role does not permit it") {
		t.Errorf("%q, %d", out, status)
	}
}

func TestSCP(t *testing.T) {
	a, files := startFiles(t, nil)
	client := a.dial(t, a.config("admin"))
	if out, _, status := execRequest(t, client, "scp -v -t a", "C0644 3 x\nabc\x00", false); status != 0 || out != "\x00\x00\x00" {
		t.Errorf("%q, %d", out, status)
	}
	if data, _ := os.ReadFile(files.Path("a")); string(data) != "abc" {
		t.Errorf("%q", data)
	}
	if out, _, status := execRequest(t, client, "scp -f a", "\x00\x00\x00", false); status != 0 || out != "C0600 3 a\nabc\x00" {
		t.Errorf("%q, %d", out, status)
	}
	if out, _, status := execRequest(t, client, "scp -t b", "C0644 9 x\nabc", false); status == 0 {
		t.Errorf("half a file is taken: %q", out)
	}
	for _, line := range []string{"scp -f a; whoami", "scp", "scp -S x -f a", "scp -f a | count"} {
		if _, errs, status := execRequest(t, client, line, "", false); status != statusUsage || !strings.Contains(errs, "Unknown command") {
			t.Errorf("%s: %q, %d", line, errs, status)
		}
	}
	if !slices.Equal(files.Names(), []string{"a"}) {
		t.Errorf("there is %v", files.Names())
	}
}

// TestTransferHostile is clients that open much, send nonsense, and read nothing.
func TestTransferHostile(t *testing.T) {
	a, files := startFiles(t, func(o *Options) { o.Stall = 200 * time.Millisecond })
	files.Write("a", bytes.Repeat([]byte("x"), 1<<20))
	client := a.dial(t, a.config("admin"))
	c := openSFTP(t, client)
	var open []*sftp.File
	for range 1000 {
		f, err := c.Open("a")
		if err != nil {
			break
		}
		open = append(open, f)
	}
	if len(open) != maxHandles {
		t.Errorf("%d files are open at once", len(open))
	}
	for _, f := range open {
		f.Close()
	}
	if f, err := c.Open("a"); err != nil {
		t.Errorf("after they are closed: %v", err)
	} else {
		f.Close()
	}
	for _, packet := range [][]byte{{0xff, 0xff, 0xff, 0xff, 1}, {0, 0, 0, 0}, {0, 0, 0, 5, 99, 0, 0, 0, 1}, {0, 0, 0, 1, 3}} {
		raw(t, client, packet)
	}
	s, err := client.NewSession() // asks for everything and takes nothing
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	if err := s.RequestSubsystem("sftp"); err != nil {
		t.Fatal(err)
	}
	in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3})
	in.Write(sftpPacket(3, "\x00\x00\x00\x01", "/a", "\x00\x00\x00\x01\x00\x00\x00\x00"))
	for n := 0; ; n++ {
		read := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00"
		if _, err := in.Write(sftpPacket(5, fmt.Sprintf("%04d", n%10000), "3", read)); err != nil {
			break
		}
	}
	if _, err := c.Stat("/"); err != nil {
		other := openSFTP(t, a.dial(t, a.config("admin")))
		if _, err := other.Stat("/"); err != nil {
			t.Errorf("others are held up: %v", err)
		}
	}
}

// sftpPacket is a packet of a type, with an id, a string and a tail.
func sftpPacket(kind byte, id, text, tail string) []byte {
	body := string(kind) + id + string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text + tail
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// raw sends bytes to the subsystem and waits for the end of its channel.
func raw(t *testing.T, client *gossh.Client, packet []byte) {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.RequestSubsystem("sftp"); err != nil {
		t.Fatal(err)
	}
	in.Write(packet)
	in.Close()
	io.Copy(io.Discard, out)
}

// TestTransfersAtOnce refuses more than there may be, and takes them again.
func TestTransfersAtOnce(t *testing.T) {
	a, _ := startFiles(t, nil)
	var clients []*gossh.Client
	for range 2 {
		clients = append(clients, a.dial(t, a.config("admin")))
	}
	var sessions []*gossh.Session
	for i := range maxTransfers {
		s, err := clients[i%2].NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequestSubsystem("sftp"); err != nil {
			t.Fatalf("transfer %d: %v", i, err)
		}
		sessions = append(sessions, s)
	}
	s, err := clients[0].NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("one more is granted")
	}
	a.logs.wait(t, "is refused a transfer of files: 64 are under way")
	for _, s := range sessions {
		s.Close()
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		s, err := clients[1].NewSession()
		if err == nil {
			err = s.RequestSubsystem("sftp")
			s.Close()
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("none is taken again: %v", err)
		}
	}
}
