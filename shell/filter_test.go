package shell

import (
	"bytes"
	"context"
	"errors"
	"strings"
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

// TestAHintForThoseOfAnotherGrep: who types a\|b learns why nothing matches, beside the output and its status.
func TestAHintForThoseOfAnotherGrep(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "lines", Run: func(_ context.Context, s *Session, args []string) error {
		if len(args) == 0 {
			s.Print("one\ntwo\n")
		}
		return nil
	}})
	const hint = `As operators they have none: "one|two".`
	for line, want := range map[string]struct {
		out  string
		hint bool
	}{
		`lines | grep "one\|two"`:       {"", true},
		`lines | grep one\|two | count`: {"Count: 0 lines\n", true},
		`lines | except "one\|two"`:     {"one\ntwo\n", true},
		`lines | grep "one|two"`:        {"one\ntwo\n", false},
		`lines | grep three`:            {"", false},
		`lines | grep "one|\|"`:         {"one\n", false},
		`lines none | grep "one\|two"`:  {"", false},
	} {
		out, errs, status := RunExec(t.Context(), opts, line, "")
		if out != want.out || strings.Contains(errs, hint) != want.hint || !want.hint && errs != "" || status != 0 {
			t.Errorf("%s: %q, %q, status %d", line, out, errs, status)
		}
	}
}
