// Package scp is the far end of the old copy protocol, which "scp -O" speaks over an exec request: scp -t takes files and
// scp -f gives them. It knows nothing of SSH, of users or of where files lie. There is no standard of the protocol: each side
// sends one line that says what comes ("C0644 SIZE NAME", "T MTIME 0 ATIME 0"), the other answers with a byte, 0 for go on,
// 1 for a fault and 2 for the end, the latter two with a line of text behind them.
package scp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Files is where files come from and go to. Paths are as the client wrote them.
type Files interface {
	Stat(path string) (fs.FileInfo, error)   // a folder or a plain file
	List(path string) ([]fs.FileInfo, error) // what is in a folder
	Open(path string) (File, error)          // a plain file
	Create(path string) (Upload, error)
}

// File is an open plain file; *os.File is one.
type File interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Upload is a file that comes. Abort after Commit does nothing.
type Upload interface {
	io.WriterAt
	Fail(err error) // it will never be complete
	Commit(changed time.Time) error
	Abort()
}

// Request is what the words behind scp ask for.
type Request struct {
	Take      bool // -t: files come
	Preserve  bool // -p: with their times
	Folder    bool // -d: the target must be a folder
	Recursive bool // -r
	Paths     []string
}

// Parse reads the words of a command line, without its first, scp. It returns false for anything that no scp client sends.
func Parse(words []string) (r Request, ok bool) {
	give := false
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && len(words[0]) > 1 {
		option := words[0]
		words = words[1:]
		if option == "--" {
			break
		}
		for _, letter := range option[1:] {
			switch letter {
			case 't':
				r.Take = true
			case 'f':
				give = true
			case 'p':
				r.Preserve = true
			case 'd':
				r.Folder = true
			case 'r':
				r.Recursive = true
			case 'v', 'q':
			default:
				return Request{}, false
			}
		}
	}
	r.Paths = words
	if r.Take {
		return r, !give && len(words) == 1
	}
	return r, give && len(words) > 0
}

const (
	maxLine  = 4 << 10 // bytes of a line from the client
	maxFiles = 10000   // lines of a client that sends nothing but lines
	chunk    = 64 << 10
)

var (
	errProtocol = errors.New("protocol error")
	// errRefused says that the client has refused something and gave its reason; the rest may go on.
	errRefused = errors.New("the client refuses")
)

// peer is the client's end.
type peer struct {
	in     *bufio.Reader
	out    io.Writer
	failed bool // something that the client was told or has told
}

// Serve does what r asks for and returns nil when all of it was done. What failed has been told to the client.
func Serve(r Request, files Files, in io.Reader, out io.Writer) error {
	p := &peer{in: bufio.NewReaderSize(in, chunk), out: out}
	err := p.serve(r, files)
	switch {
	case err != nil && !errors.Is(err, errRefused):
		p.tell(2, err)
		return err
	case p.failed:
		return errRefused
	}
	return nil
}

func (p *peer) serve(r Request, files Files) error {
	switch {
	case r.Recursive:
		return errors.New("-r is not taken: there are no folders to copy")
	case r.Take:
		return p.take(r, files)
	}
	return p.give(r, files)
}

// tell tells the client of a fault: kind is 1 where more may follow, 2 where not. What stands in the way of saying so
// stands in the way of everything that follows.
func (p *peer) tell(kind byte, err error) {
	p.failed = true
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, err.Error())
	fmt.Fprintf(p.out, "%cscp: %s\n", kind, text)
}

// accept says go on.
func (p *peer) accept() error {
	_, err := p.out.Write([]byte{0})
	return err
}

// line reads a line without its end.
func (p *peer) line() (string, error) {
	var b []byte
	for {
		c, err := p.in.ReadByte()
		switch {
		case err != nil:
			return string(b), err
		case c == '\n':
			return string(b), nil
		case len(b) == maxLine:
			return "", fmt.Errorf("%w: a line of more than %d bytes", errProtocol, maxLine)
		}
		b = append(b, c)
	}
}

// answer reads the client's byte, and its words where it refuses.
func (p *peer) answer() error {
	c, err := p.in.ReadByte()
	switch {
	case err != nil:
		return err
	case c == 0:
		return nil
	case c != 1 && c != 2:
		return fmt.Errorf("%w: an answer that is none", errProtocol)
	}
	words, err := p.line()
	if err != nil {
		return err
	}
	p.failed = true
	if c == 2 {
		return fmt.Errorf("the client ends it: %q", words)
	}
	return errRefused
}

// expand is the paths that a pattern in a path's last part stands for, in order of name; a path without one is itself.
func expand(files Files, pattern string) []string {
	folder, last := path.Split(pattern)
	if !strings.ContainsAny(last, "*?[") {
		return []string{pattern}
	}
	if _, err := files.Stat(pattern); err == nil {
		return []string{pattern}
	}
	list, err := files.List(folder)
	if err != nil {
		return []string{pattern}
	}
	var paths []string
	for _, info := range list {
		if ok, err := path.Match(last, info.Name()); ok && err == nil && !info.IsDir() {
			paths = append(paths, folder+info.Name())
		}
	}
	if len(paths) == 0 {
		return []string{pattern}
	}
	return paths
}
