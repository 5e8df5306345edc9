package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

type countDocument struct {
	Count int `json:"count"`
}

// documentTable has a command for every way to answer --json.
func documentTable() []*Command {
	run := func(f func(s *Session) error) func(context.Context, *Session, []string) error {
		return func(_ context.Context, s *Session, _ []string) error { return f(s) }
	}
	return append(Builtins(),
		&Command{Name: "do", Summary: "Do.", Documents: []Document{Says("do")}, Run: run(func(s *Session) error { s.Println("Done.\n\nNote: twice."); return nil })},
		&Command{Name: "quiet", Summary: "Say nothing.", Documents: []Document{Says("quiet")}, Run: run(func(*Session) error { return nil })},
		&Command{Name: "count", Summary: "Count.", Documents: []Document{{For: "count", Value: countDocument{}}}, Run: run(func(s *Session) error {
			s.Println("Counting.")
			return s.PrintJSON(&countDocument{3})
		})},
		&Command{Name: "wrong", Summary: "Print what is not declared.", Documents: []Document{{For: "wrong", Value: countDocument{}}}, Run: run(func(s *Session) error {
			return s.PrintJSON(map[string]int{"count": 3})
		})},
		&Command{Name: "follow", Summary: "Print a document a line.", Documents: []Document{{For: "follow", Value: countDocument{}, Lines: true}}, Run: run(func(s *Session) error {
			for i := range 100 {
				if err := PrintJSONLines(s, []countDocument{{i}}); err != nil {
					return err
				}
			}
			return errors.New("nobody stopped it")
		})},
		&Command{Name: "halfway", Summary: "Fail.", Documents: []Document{Says("halfway")}, Run: run(func(s *Session) error { s.Println("Begun."); return Fail("Failed to end.") })},
		&Command{Name: "ask", Summary: "Ask.", Documents: []Document{{For: "ask", Value: countDocument{}}}, Run: run(func(s *Session) error {
			s.Println("Look at this.")
			yes, err := s.YesNo("Shall it be?", false)
			if err != nil {
				return err
			}
			return s.PrintJSON(countDocument{map[bool]int{true: 1}[yes]})
		})},
	)
}

func TestDocuments(t *testing.T) {
	opts := testOptions()
	opts.Table = documentTable()
	for _, tt := range []struct{ line, stdin, out, err string }{
		{"do --json", "", "{\n  \"messages\": [\n    \"Done.\",\n    \"Note: twice.\"\n  ]\n}\n", ""},
		{"do", "", "Done.\n\nNote: twice.\n", ""},
		{"quiet --json", "", "{\n  \"messages\": []\n}\n", ""},
		{"count --json", "", "{\n  \"count\": 3\n}\n", ""},
		{"set json on; count; set json off; do", "", "{\n  \"count\": 3\n}\n{\n  \"messages\": []\n}\nDone.\n\nNote: twice.\n", ""},
		{"set json on; set; set paging off", "", "{\n  \"paging\": true,\n  \"json\": true\n}\n{\n  \"messages\": []\n}\n", ""},
		{"wrong --json", "", "", "Error: the command wrong prints a document of the type map[string]int, which is none of its own\n"},
		{"follow --json | head 2", "", "{\"count\":0}\n{\"count\":1}\n", ""},
		{"halfway --json", "", "", "Failed to end.\n"},
		{"ask --json", "y\n", "{\n  \"count\": 1\n}\n", ""},
		{"exit --json", "", "", "Invalid option \"--json\": exit has no JSON form.\n"},
		{"help quiet --json | grep name", "", "      \"name\": \"quiet\",\n", ""},
	} {
		if out, errs, _ := RunExec(t.Context(), opts, tt.line, tt.stdin); out != tt.out || errs != tt.err {
			t.Errorf("%s: %q and %q, want %q and %q", tt.line, out, errs, tt.out, tt.err)
		}
	}
}

// Who answers a question sees what was said before it, also where a document is wanted.
func TestQuestionBesideDocument(t *testing.T) {
	opts := testOptions()
	opts.Table = documentTable()
	out, _ := RunLines(t.Context(), opts, "ask --json\ny\n")
	if want := "Look at this.\nShall it be? [N]> \n{\n  \"count\": 1\n}\n"; !strings.Contains(out, want) {
		t.Errorf("%q is missing in %q", want, out)
	}
}

// What is kept of words beside a document is bounded.
func TestWordsBesideDocumentAreBounded(t *testing.T) {
	opts := testOptions()
	opts.Table = []*Command{{Name: "talk", Documents: []Document{Says("talk")}, Run: func(_ context.Context, s *Session, _ []string) error {
		for range 4 * saidMost / 1000 {
			fmt.Fprintln(s, strings.Repeat("x", 1000))
		}
		return nil
	}}}
	if out, _, status := RunExec(t.Context(), opts, "talk --json", ""); status != 0 || len(out) > 2*saidMost {
		t.Errorf("status %d, %d bytes", status, len(out))
	}
}

func TestCompleteBehindPipe(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, &Command{Name: "pick", Documents: []Document{Says("pick")}, Complete: func(*Session, []string) []string { return []string{"apple"} }})
	s := newSession(&opts, tester, terminal)
	for line, want := range map[string]string{
		"pick ": "[apple]", "pick --": "[--json apple]", "pick | ": "[count except grep head last no-more]", "pick | g": "[count except grep head last no-more]",
		"pick | grep ": "[]", "pick | grep a": "[]", "say --": "[]", "pick; pick --j": "[--json apple]",
	} {
		if got := fmt.Sprint(s.completeMain(line)); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}
