package shell

import (
	"bytes"
	"errors"
	"testing"
)

// TestHeadEndsWithItsLastLine wants a command to be told at once: one that follows a log may write nothing more.
func TestHeadEndsWithItsLastLine(t *testing.T) {
	line, err := parseLine("tail | head 2")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := newPipe(line[0].pipes, &out)
	if _, err := p.Write([]byte("one\n")); err != nil {
		t.Errorf("after the first line: %v", err)
	}
	if _, err := p.Write([]byte("two\n")); !errors.Is(err, ErrEnough) {
		t.Errorf("after the last line: %v", err)
	}
	if out.String() != "one\ntwo\n" {
		t.Errorf("%q", out.String())
	}
}
