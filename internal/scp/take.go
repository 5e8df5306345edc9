package scp

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
)

// take is scp -t.
func (p *peer) take(r Request, files Files) error {
	target := r.Paths[0]
	info, err := files.Stat(target)
	folder := err == nil && info.IsDir()
	if r.Folder && !folder {
		return fmt.Errorf("%s: it is not a folder", target)
	}
	if err := p.accept(); err != nil {
		return err
	}
	var changed time.Time // what the T line before a file said
	for range maxFiles {
		line, err := p.line()
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		}
		if err != nil {
			return err
		}
		changed, err = p.control(line, target, folder, changed, files)
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d files at once", errProtocol, maxFiles)
}

// control acts on one line. It returns the time of change for the file that the next line announces.
func (p *peer) control(line, target string, folder bool, changed time.Time, files Files) (time.Time, error) {
	if line == "" {
		return changed, fmt.Errorf("%w: an empty line", errProtocol)
	}
	switch line[0] {
	case 1: // the client could not read one of its files
		p.failed = true
		return time.Time{}, nil
	case 2:
		p.failed = true
		return time.Time{}, fmt.Errorf("the client ends it: %q", line[1:])
	case 'T':
		t, err := parseTimes(line)
		if err != nil {
			return t, err
		}
		return t, p.accept()
	case 'C':
		size, name, err := parseFile(line)
		if err != nil {
			return changed, err
		}
		if folder {
			target = path.Join(target, name)
		}
		return time.Time{}, p.receive(target, size, changed, files)
	case 'D', 'E':
		return changed, errors.New("folders are not taken")
	}
	return changed, fmt.Errorf("%w: a line that begins with %q", errProtocol, line[0])
}

// parseTimes reads "TMTIME 0 ATIME 0"; the fractions are microseconds.
func parseTimes(line string) (time.Time, error) {
	fields := strings.Split(line[1:], " ")
	if len(fields) != 4 {
		return time.Time{}, fmt.Errorf("%w: %q", errProtocol, line)
	}
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("%w: the time %q", errProtocol, fields[0])
	}
	micros, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || micros < 0 || micros > 999999 {
		return time.Time{}, fmt.Errorf("%w: the fraction %q", errProtocol, fields[1])
	}
	return time.Unix(seconds, micros*1000), nil
}

// parseFile reads "CMODE SIZE NAME". The mode has no effect. The name is one within a folder, or the client lies.
func parseFile(line string) (size int64, name string, err error) {
	mode, rest, _ := strings.Cut(line[1:], " ")
	length, name, ok := strings.Cut(rest, " ")
	if _, err := strconv.ParseUint(mode, 8, 16); err != nil || !ok {
		return 0, "", fmt.Errorf("%w: %q", errProtocol, line)
	}
	size, err = strconv.ParseInt(length, 10, 64)
	if err != nil || size < 0 || length[0] == '+' {
		return 0, "", fmt.Errorf("%w: the size %q", errProtocol, length)
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return 0, "", fmt.Errorf("%w: the name %q", errProtocol, name)
	}
	return size, name, nil
}

// receive takes one file. What is wrong with the file itself is told, and the next may come; an error is the end.
func (p *peer) receive(target string, size int64, changed time.Time, files Files) error {
	u, err := files.Create(target)
	if err != nil {
		p.tell(1, err)
		return nil
	}
	defer u.Abort()
	if err := p.accept(); err != nil {
		u.Fail(err)
		return err
	}
	content := &io.LimitedReader{R: p.in, N: size}
	_, fault := io.Copy(io.NewOffsetWriter(u, 0), content)
	if fault != nil { // the rest comes all the same
		u.Fail(fault)
		if _, err := io.Copy(io.Discard, content); err != nil {
			return err
		}
	}
	if content.N > 0 {
		u.Fail(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
	switch err := p.answer(); {
	case errors.Is(err, errRefused): // its file could not be read to the end
		u.Fail(err)
		return p.accept()
	case err != nil:
		u.Fail(err)
		return err
	}
	if fault == nil {
		fault = u.Commit(changed)
	}
	if fault != nil {
		p.tell(1, fault)
		return nil
	}
	return p.accept()
}
