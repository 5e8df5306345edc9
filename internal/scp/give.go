package scp

import (
	"errors"
	"fmt"
	"io"
)

// give is scp -f.
func (p *peer) give(r Request, files Files) error {
	if err := p.answer(); err != nil {
		return err
	}
	for _, pattern := range r.Paths {
		for _, path := range expand(files, pattern) {
			err := p.send(path, r.Preserve, files)
			if err != nil && !errors.Is(err, errRefused) {
				return err
			}
		}
	}
	return nil
}

// send gives one file. What is wrong with the file itself is told, and the next follows.
func (p *peer) send(path string, preserve bool, files Files) error {
	if info, err := files.Stat(path); err == nil && info.IsDir() {
		p.tell(1, fmt.Errorf("%s: it is a folder", path))
		return nil
	}
	f, err := files.Open(path)
	if err != nil {
		p.tell(1, err)
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		p.tell(1, err)
		return nil
	}
	if preserve {
		t := info.ModTime()
		if err := p.say("T%d 0 %d 0\n", t.Unix(), t.Unix()); err != nil {
			return err
		}
	}
	if err := p.say("C%04o %d %s\n", info.Mode().Perm(), info.Size(), info.Name()); err != nil {
		return err
	}
	return p.content(f, info.Size())
}

// content sends as many bytes as were announced: a log may grow meanwhile. Of a file that has become shorter the rest is
// zeros, and the client is told.
func (p *peer) content(f File, size int64) error {
	n, fault := copyTo(p.out, io.NewSectionReader(f, 0, size))
	if fault == nil && n < size {
		fault = io.ErrUnexpectedEOF
	}
	var write *writeError
	if errors.As(fault, &write) {
		return write.error
	}
	if n < size {
		if _, err := io.CopyN(p.out, zeros{}, size-n); err != nil {
			return err
		}
	}
	if fault != nil {
		p.tell(1, fault)
	} else if err := p.accept(); err != nil {
		return err
	}
	return p.answer()
}

// writeError is a fault of the client's end, not of the file.
type writeError struct{ error }

func copyTo(w io.Writer, r io.Reader) (n int64, err error) {
	b := make([]byte, chunk)
	for {
		k, err := r.Read(b)
		if k > 0 {
			m, err := w.Write(b[:k])
			n += int64(m)
			if err != nil {
				return n, &writeError{err}
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// say sends a line and waits for the client's answer.
func (p *peer) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.out, format, args...); err != nil {
		return err
	}
	return p.answer()
}
