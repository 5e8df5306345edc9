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

// What a command says in words breaks between them at a terminal; where there is none, in a pipe and in a document it stays whole, and
// so does what it prints.
func TestLongWords(t *testing.T) {
	const text = "Note: 100% of a sentence that is longer than the terminal is wide."
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "long", Documents: []Document{{For: "long", Value: Said{}}}, Run: func(_ context.Context, s *Session, _ []string) error {
		s.Say("Note: %d%% of a sentence that is longer than the terminal is wide.", 100)
		s.SayBeside("Beside:  ", "a text that goes on below its own beginning.")
		s.Printf("a row   of a table that is longer than the terminal is wide\n")
		return nil
	}})
	typed := func(line string, width int) string {
		return strings.ReplaceAll(RunTyped(t.Context(), opts, line+"\r", width, 24), "\r", "")
	}
	const row = "a row   of a table that is longer than the terminal is wide\n"
	if got, want := typed("long", 30), "Note: 100% of a sentence that\nis longer than the terminal is\nwide.\nBeside:  a text that goes on\n         below its own\n         beginning.\n"+row; !strings.Contains(got, want) {
		t.Errorf("at a terminal:\n%s", got)
	}
	if got, want := typed("long", 20), "Note: 100% of a\nsentence that is\nlonger than the\nterminal is wide.\nBeside:  a text that\ngoes on below its\nown beginning.\n"+row; !strings.Contains(got, want) {
		t.Errorf("at a narrow terminal:\n%s", got)
	}
	if got := typed("long | head 1", 30); !strings.Contains(got, text+"\n") {
		t.Errorf("in a pipe:\n%s", got)
	}
	if got := typed("long --json", 30); !strings.Contains(got, `"`+text+`"`) {
		t.Errorf("in a document:\n%s", got)
	}
	if out, _, _ := RunExec(t.Context(), opts, "long", ""); !strings.HasPrefix(out, text+"\nBeside:  a text that goes on below its own beginning.\n"+row) {
		t.Errorf("in an exec request:\n%s", out)
	}
	if got, _ := RunLines(t.Context(), opts, "long\n"); !strings.Contains(got, text+"\n") {
		t.Errorf("in a script:\n%s", got)
	}
}

// A question that has its answer beside it breaks between words as well.
func TestLongQuestions(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "sure", Run: func(_ context.Context, s *Session, _ []string) error {
		_, err := s.YesNo("Are you sure that you want to know all of this?", false)
		return err
	}})
	for width, want := range map[int]string{
		80: "> sure\nAre you sure that you want to know all of this? [N]> x\n",
		52: "> sure\nAre you sure that you want to know all of this?\n[N]> x\n",
		30: "> sure\nAre you sure that you want to\nknow all of this? [N]> x\nInvalid answer \"x\": enter Y or\nN.\nAre you sure that you want to\nknow all of this? [N]> \n",
	} {
		if got := strings.ReplaceAll(RunTyped(t.Context(), opts, "sure\rx\r\r", width, 24), "\r", ""); !strings.Contains(got, want) {
			t.Errorf("%d columns:\n%s", width, got)
		}
	}
}
