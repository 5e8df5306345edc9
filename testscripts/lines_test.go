package testscripts

import (
	"bufio"
	"io"
	"strings"
)

// lineReader reads a peer's lines without their ends.
type lineReader struct{ from *bufio.Reader }

func newLineReader(r io.Reader) *lineReader { return &lineReader{bufio.NewReader(r)} }

func (l *lineReader) next() (string, error) {
	line, err := l.from.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}
