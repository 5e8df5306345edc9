package shell

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// formOptions has a command without a Complete of its own.
func formOptions() Options {
	o := testOptions()
	o.Table = append(o.Table, &Command{
		Name: "thing", Summary: "Things.", Documents: []Document{Says("thing")},
		Batch: []string{
			"thing list",
			"thing new NAME [speed fast|slow] [limit NUMBER] ...",
			"thing delete NAME|all [SECONDS]",
			"thing network LIST,...|default",
			"thing [\"COMMENT\"] [y|n]",
			"thing wait (reads the rest from standard input)",
		},
		Run: func(context.Context, *Session, []string) error { return nil },
	})
	o.Names = func(_ *Session, command string, _ []string, kind string) []string {
		if command == "thing" && kind == "NAME" {
			return []string{"alpha", "a b", "beta"}
		}
		return nil
	}
	return o
}

func TestCompleteFromForms(t *testing.T) {
	o := formOptions()
	s := newSession(&o, tester, terminal)
	s.attachTerminal(new(syncBuffer), new(syncBuffer), &history{})
	tests := []struct{ line, want string }{
		{"thing ", "delete list n network new wait y"},
		{"thing n", "delete list n network new wait y"}, // the editor leaves out what does not fit
		{"thing new ", "a b,alpha,beta"},
		{"thing new alpha ", "limit speed"},
		{"thing new alpha speed ", "fast slow"},
		{"thing new alpha speed fast ", "limit speed"},
		{"thing new alpha limit 5 ", "limit speed"},
		{"thing delete ", "a b,all,alpha,beta"},
		{"thing delete all ", ""},
		{"thing list ", ""},
		{"thing list --", "--json"},
		{"thing --json delete ", "a b,all,alpha,beta"},
		{"version; thing delete ", "a b,all,alpha,beta"},
		{`say ";"; thing new "a b" `, "limit speed"},
		{`thing new "a`, ""},
		{"thing list | ", "count except grep head last no-more"},
		{"thing list | g", "count except grep head last no-more"},
		{"thing list | grep x | ", "count except grep head last no-more"},
		{"thing list | grep ", ""},
		{"nothing ", ""},
		{"set paging ", "off on"},
		{"help ", strings.Join(names(o.Table), " ")},
	}
	for _, tt := range tests {
		sep := " "
		if strings.Contains(tt.want, ",") {
			sep = ","
		}
		if got := strings.Join(s.completeMain(tt.line), sep); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestQuestionMark(t *testing.T) {
	tests := []struct{ line, out string }{
		{"thing new ?", "On one line:\n  thing new NAME [speed fast|slow] [limit NUMBER] ...\n\nAccepted next: a b, alpha, beta, NAME\n"},
		{"thing delete all ?", "On one line:\n  thing delete NAME|all [SECONDS]\n\nAccepted next: SECONDS\n"},
		{"thing delete all ? | count", "Count: 4 lines\n"},
		{"thing list --json; thing delete all ? | count", "{\n  \"messages\": []\n}\nCount: 4 lines\n"},
		{`say "?"`, "?\n"},
		{"TH?", "thing  Things.\n"},
		{"se?", "secret  Ask a secret.\nset     Settings of this session: paging and JSON.\n"},
		{"set json on; se ? | last 1", "set     Settings of this session: paging and JSON.\n"},
		{"thing?; cle? | count", "thing  Things.\nCount: 1 lines\n"},
	}
	for _, tt := range tests {
		out, errs, status := RunExec(t.Context(), formOptions(), tt.line, "")
		if out != tt.out || errs != "" || status != 0 {
			t.Errorf("%s: %q, %q, %d", tt.line, out, errs, status)
		}
	}
	for _, line := range []string{"zz?", "zz ?", `"se?"`} {
		if _, errs, status := RunExec(t.Context(), formOptions(), line, ""); status != statusUsage || !strings.HasPrefix(errs, "Unknown command: ") {
			t.Errorf("%s: %q, %d", line, errs, status)
		}
	}
	if out, _, _ := RunExec(t.Context(), formOptions(), "thing ?", ""); !strings.HasPrefix(out, "thing - Things.\n") {
		t.Errorf("got %q", out)
	}
	if _, errs, status := RunExec(t.Context(), formOptions(), "thing wait 5 6 ?", ""); status != statusUsage || !strings.HasPrefix(errs, `Invalid words "wait 5 6"`) {
		t.Errorf("got %q, %d", errs, status)
	}
}

func TestHelpAtQuestions(t *testing.T) {
	tests := []struct{ script, want string }{
		{"rename\n?\nmx1\ny\n", "Enter at least three letters. An empty line answers \"mail.example.com\". Ctrl-C ends the command.\n"},
		{"rename\nmx1\n?\ny\n", "Enter Y or N. Known here: yes, no. An empty line answers \"N\". Ctrl-C ends the command.\n"},
		{"menu\nhelp\n\n", "Enter NEW, CHOOSE or FAIL, or an empty line to leave. Ctrl-C ends the command.\n"},
		{"menu\nchoose\n?\n1\n\n", "Enter a number from 1 to 2 or the text of one line. Known here: Red, Green. An empty line answers \"1\". Ctrl-C ends the command.\n"},
	}
	for _, tt := range tests {
		if out, _ := runLines(t, tt.script); !strings.Contains(out, tt.want) || strings.Contains(out, "Invalid") {
			t.Errorf("%q: got\n%s", tt.script, out)
		}
	}
}

// However a line repeats what a form lets come again, few readings of it are kept, and not all of its words are read.
func TestFormsAreFollowedInBounds(t *testing.T) {
	for _, form := range []string{"x NAME [speed fast|slow] [limit NUMBER] ...", "x [[A] [b ...] ...] ...", "x [A] [B] [C] [D] [E] ...", "x [b] NAME ... [c]"} {
		c := &Command{Name: "x", Batch: []string{form}}
		words := slices.Repeat([]string{"b", "limit"}, maxFormWords)
		for n := range 20 {
			if at, _ := c.follow(words[:n]); len(at[form]) > 16 {
				t.Errorf("%s: %d readings of %d words", form, len(at[form]), n)
			}
		}
		if _, n := c.follow(words); n > maxFormWords {
			t.Errorf("%s: %d words are followed", form, n)
		}
		if forms, _ := c.following(words); len(forms) > 0 {
			t.Errorf("%s: %q begins so, after %d words", form, forms, len(words))
		}
		if got := c.nearest(words); !slices.Equal(got, []string{form}) {
			t.Errorf("%s: nearest is %q", form, got)
		}
	}
}

func FuzzForms(f *testing.F) {
	f.Add("thing new NAME [speed fast|slow] [limit NUMBER] ...", "new alpha speed")
	f.Add("x [[A] [b ...] ...] ...", "b b b b")
	f.Add("x ]] [ ... A[B[,C]] (", "a")
	f.Fuzz(func(t *testing.T, form, typed string) {
		c := &Command{Name: "x", Batch: []string{form}}
		words := strings.Fields(typed)
		_, states := c.following(words[:min(len(words), 20)])
		next, kinds := expected(states)
		if slices.Contains(next, "") || slices.Contains(kinds, "") {
			t.Errorf("an empty word comes next: %q, %q", next, kinds)
		}
	})
}
