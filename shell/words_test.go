package shell

import (
	"context"
	"errors"
	"testing"
)

func TestLookup(t *testing.T) {
	run := func(context.Context, *Session, []string) error { return nil }
	o := &Options{Table: []*Command{
		{Name: "commit", Run: run}, {Name: "commitdetail", Run: run}, {Name: "certconfig", Run: run},
		{Name: "suspend", WholeWord: true, Run: run}, {Name: "suspendlistener", WholeWord: true, Run: run},
		{Name: "clearchanges", Aliases: []string{"clear"}, Run: run}, {Name: "exit", Aliases: []string{"quit", "q"}, Run: run},
	}}
	tests := []struct{ typed, name, err string }{
		{"commit", "commit", ""},
		{"COMMIT", "commit", ""},
		{"commitd", "commitdetail", ""},
		{"Cert", "certconfig", ""},
		{"clear", "clearchanges", ""},
		{"q", "exit", ""},
		{"suspend", "suspend", ""},
		{"c", "", "Unknown command: c. It could be certconfig, clearchanges, commit or commitdetail."},
		{"susp", "", "Unknown command: susp. It could be suspend or suspendlistener."},
		{"suspendl", "", "Unknown command: suspendl. suspendlistener must be typed in full."},
		{"comit", "", "Unknown command: comit. The nearest known name is commit."},
		{"certcnofig", "", "Unknown command: certcnofig. The nearest known name is certconfig."},
		{"qiut", "", "Unknown command: qiut. The nearest known name is quit."},
		{"xyzzy", "", "Unknown command: xyzzy"},
		{"ä", "", "Unknown command: ä"},
	}
	for _, tt := range tests {
		c, err := o.lookup(tt.typed)
		switch {
		case err != nil && err.Error() != tt.err, err == nil && (tt.err != "" || c.Name != tt.name):
			t.Errorf("%s: got %v, %v", tt.typed, c, err)
		}
	}
}

func TestTable(t *testing.T) {
	plain := Table{Head: []string{"Name", "Count"}, Rows: [][]string{{"ä", "1"}, {"日本", "12"}, {"long name"}}, Right: []bool{false, true}}
	want := "Name       Count\n---------  -----\nä              1\n日本          12\nlong name\n"
	if got := plain.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	wide := Table{Head: []string{"A", "B"}, Rows: [][]string{{"x", "y"}}, Rule: "=", Gap: 1, Min: []int{4}}
	if got, want := wide.String(), "A    B\n==== =\nx    y\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPromptLike(t *testing.T) {
	for line, want := range map[string]bool{
		"mail.example.com> ": true, "[]>": true, "(Machine a-b)> ": true, "root#": true, ">": true,
		"": false, "a: b>": false, "CN=<x>": false, "Now": false, "a > b": false,
	} {
		if looksLikePrompt(line) != want {
			t.Errorf("%q: want %v", line, want)
		}
	}
}

func TestFail(t *testing.T) {
	for text, want := range map[string]string{
		"Error: x": "Error: x", "Invalid x": "Invalid x", "Unable to x": "Unable to x", "No such file x": "No such file x",
		"x is wrong": "Error: x is wrong",
	} {
		if got := Fail("%s", text).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("enter Y or N."), "Help: enter Y or N."},
		{Fail("Invalid domain %q: example.com is accepted.", "?"), "Help: example.com is accepted."},
		{Fail("Error: %q is not an email address.", "?"),
			"Help: enter what the line above asks for; an empty line takes what stands in brackets, Ctrl-C ends the command."},
	} {
		if got := accepted(tt.err); got != tt.want {
			t.Errorf("%v: %q", tt.err, got)
		}
	}
}
