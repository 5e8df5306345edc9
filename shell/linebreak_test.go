package shell

import (
	"context"
	"strings"
	"testing"
)

func TestBreakLine(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", ""},
		{"ten signs.", "ten signs."},
		{"eleven sign", "eleven\nsign"},
		{"one two three four", "one two\nthree four"},
		{"a  b  c  d  e  f", "a  b  c  d\ne  f"},
		{"on the 10th blank", "on the\n10th blank"},
		{"exactly 10 of them", "exactly 10\nof them"},
		{"  a form stays in", "  a form\nstays in"},
		{"averylongword of it", "averylongword\nof it"},
		{"averylongword", "averylongword"},
		{"in averylongword", "in\naverylongword"},
		{"世界 世界 世界", "世界 世界\n世界"},
	} {
		if got := breakLine(c.line, 10); got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

// A failure ends its lines between words at a terminal, and is one line everywhere else.
func TestLongFailures(t *testing.T) {
	const text = "Error: a sentence that is longer than the terminal is wide."
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "long", Run: func(context.Context, *Session, []string) error { return Fail(text) }})
	if got := strings.ReplaceAll(RunTyped(t.Context(), opts, "long\r", 30, 24), "\r", ""); !strings.Contains(got, "Error: a sentence that is\nlonger than the terminal is\nwide.\n") {
		t.Errorf("at a terminal:\n%s", got)
	}
	if _, errs, _ := RunExec(t.Context(), opts, "long", ""); errs != text+"\n" {
		t.Errorf("in an exec request: %q", errs)
	}
	if got, _ := RunLines(t.Context(), opts, "long\n"); !strings.Contains(got, text+"\n") {
		t.Errorf("in a script:\n%s", got)
	}
}

// Lists of commands keep their columns.
func TestLongSummaries(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "summary", Summary: "Say something that is longer than the terminal is wide."})
	want := "\nsummary  Say something that is\n         longer than the\n         terminal is wide.\n"
	if got := strings.ReplaceAll(RunTyped(t.Context(), opts, "summ?\r", 30, 24), "\r", ""); !strings.Contains(got, want) {
		t.Errorf("got\n%s", got)
	}
}

// An empty line where one of a list is wanted gets a short answer, anything else that is wrong the whole question again.
func TestEmptyLineBringsNoList(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "colour", Run: func(_ context.Context, s *Session, _ []string) error {
		_, err := s.Choose("Which colour?", []string{"Red", "Green"}, 0)
		return err
	}})
	got := strings.ReplaceAll(RunTyped(t.Context(), opts, "colour\r\rx\r2\r", 80, 24), "\r", "")
	const list, refused = "Which colour?\n1. Red\n2. Green\n[]> ", " a number from 1 to 2 or the text of one line.\n"
	want := list + "\nInvalid answer: enter" + refused + "Which colour?\n[]> x\nInvalid answer \"x\": enter" + refused + list + "2\n"
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s", got)
	}
}
