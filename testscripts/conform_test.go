package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// conformance is what a story has typed of a transcript.
type conformance struct {
	typed map[string]bool // situations
	lines []string        // batch forms as they were given
}

func (w *world) conformance(file string) *conformance {
	if w.conform == nil {
		w.conform = map[string]*conformance{}
	}
	if w.conform[file] == nil {
		w.conform[file] = &conformance{typed: map[string]bool{}}
	}
	return w.conform[file]
}

// conformVerb is "conform NAME FILE SITUATION [EDITS]": type the situation of the transcript testdata/cli/FILE at a terminal
// of the appliance NAME, and compare what comes back line by line. See situations for what a situation is and edits for what
// the file EDITS may say.
func conformVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: conform NAME FILE SITUATION [EDITS]")
	}
	name, file := args[0], args[1]
	worldOf(ts).conformance(file).typed[args[2]] = true
	s, err := situationOf(file, args[2])
	ts.Check(err)
	var changes []edit
	if len(args) == 4 {
		changes, err = edits(expand(ts, ts.ReadFile(args[3])))
		ts.Check(err)
	}
	decisions, err := os.ReadFile("../docs/decisions.md")
	ts.Check(err)
	s, err = s.apply(changes, string(decisions))
	ts.Check(err)
	c := &conformer{ts: ts, typist: sitDown(ts, "200x5000", "ssh", "-tt", name), story: file + ", " + s.name}
	defer c.leave()
	c.enter(changes)
	for _, st := range s.steps() {
		c.do(st)
	}
}

func sshCommand(ts *testscript.TestScript, name, line string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(ts.Getenv("WORK"), "bin", "ssh"), name, line)
	cmd.Dir = ts.Getenv("WORK")
	return cmd
}

var variable = regexp.MustCompile(`@\{(\w+)\}`)

// expand replaces @{NAME} by the story's variable.
func expand(ts *testscript.TestScript, text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return ts.Getenv(v[2 : len(v)-1]) })
}

// conformer types a situation.
type conformer struct {
	ts     *testscript.TestScript
	typist *typist
	story  string
	echo   []string // what the terminal has to echo before the next output
}

func (c *conformer) leave() { c.typist.leave() }

const atMain = "mail.example.com> "

// enter logs in and types what comes before the situation.
func (c *conformer) enter(changes []edit) {
	c.await(atMain)
	for _, e := range changes {
		if e.kind != "before" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSuffix(e.new, "\n"), "\n") {
			c.type_(step{typed: line})
			c.await("> ")
		}
	}
	c.typist.read -= len("\r\n" + atMain) // the situation begins with the prompt
	c.echo = []string{""}
}

// room is what the line editor sends to make room for an output that comes while a line is typed.
var room = regexp.MustCompile(`\r?\x1b\[J`)

// anyPrompt is the end of an output that waits for an answer.
var anyPrompt = regexp.MustCompile(`\n([^\r\n]*\]> |> |mail4?\.example\.com> |[^\r\n]*[Pp]ass ?phrase: )$`)

// await waits for a prompt, or for the text at the end of the output, and returns the lines before it and the prompt.
func (c *conformer) await(want string) (lines []string, prompt string) {
	err := c.typist.until(func(unread string) int {
		if strings.Count(unread, "\n") < len(c.echo) {
			return -1
		}
		if m := anyPrompt.FindStringSubmatch(unread); m != nil {
			prompt = m[1]
			return len(unread)
		}
		if want != "" && strings.HasSuffix(unread, "\n"+want) {
			prompt = want
			return len(unread)
		}
		return -1
	})
	if err != nil {
		c.ts.Fatalf("%s: waiting for %q: %v", c.story, want, err)
	}
	text := strings.TrimSuffix(c.typist.part, prompt)
	text = room.ReplaceAllString(text, "")
	lines = strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	if text == "" {
		lines = nil
	}
	return lines, prompt
}

// do compares what has come before a prompt and answers it.
func (c *conformer) do(st step) {
	var got []string
	prompt := st.prompt
	switch {
	case st.prompt == "" && st.typed == interrupt:
		got = c.awaitLines(len(c.echo) + len(st.want))
	case st.block != nil:
		last := st.want[len(st.want)-1]
		end := last + "\r\n"
		if hidden(st) {
			end += " "
		}
		got, _ = c.await(end)
		got = append(got, last)
		prompt = ""
	default:
		got, prompt = c.await(st.prompt)
	}
	got = c.echoed(got)
	want := st.want
	if st.last && prompt != atMain || prompt == "[]> " && !hasMenu(st.want) {
		want = withoutMenu(want, got)
	}
	if st.last {
		want, got = trimBlank(want), trimBlank(got)
	}
	if prompt != st.prompt && !st.last && st.block == nil || !match(want, got) {
		c.ts.Fatalf("%s: typed so far %d bytes; want, as the transcript has it:\n%s\ngot:\n%s", c.story, c.typist.read,
			show(want, st.prompt+st.typed), show(got, prompt))
	}
	c.watch(got)
	if !st.last {
		c.type_(st)
	}
}

// hidden says that a block is not echoed: a private key would stay on the screen.
func hidden(st step) bool { return strings.Contains(strings.Join(st.want, "\n"), "private key") }

// awaitLines waits until a display that runs until Ctrl-C has printed n lines.
func (c *conformer) awaitLines(n int) []string {
	err := c.typist.until(func(unread string) int {
		missing := n
		for i := range unread {
			if unread[i] == '\n' {
				if missing--; missing == 0 {
					return i + 1
				}
			}
		}
		return -1
	})
	if err != nil {
		c.ts.Fatalf("%s: %v", c.story, err)
	}
	return strings.Split(strings.TrimSuffix(room.ReplaceAllString(c.typist.part, ""), "\r\n"), "\r\n")
}

// echoed takes the echo of what was typed away.
func (c *conformer) echoed(got []string) []string {
	if i := slices.Index(got, interrupt); len(c.echo) == 1 && c.echo[0] == interrupt && i > 0 {
		got = got[i:] // what came before the key did
	}
	if len(got) < len(c.echo) {
		c.ts.Fatalf("%s: the terminal echoes %q, want %q", c.story, got, c.echo)
	}
	for i, want := range c.echo {
		if got[i] != want {
			c.ts.Fatalf("%s: the terminal echoes %q, want %q", c.story, got[i], want)
		}
	}
	return got[len(c.echo):]
}

// type_ answers.
func (c *conformer) type_(st step) {
	keys, echo := st.typed+"\r", []string{st.typed}
	if st.typed == interrupt {
		keys, echo = "\x03", []string{interrupt}
	}
	if st.secret {
		echo = []string{""}
	}
	if st.block != nil {
		keys, echo = "", nil
		for _, line := range st.block {
			if file, ok := strings.CutPrefix(line, "@"); ok {
				line = strings.TrimSpace(c.ts.ReadFile(file))
			}
			for _, l := range strings.Split(line, "\n") {
				keys += l + "\r"
				echo = append(echo, l)
			}
		}
		if hidden(st) {
			for i := range echo {
				echo[i] = strings.Repeat(" ", min(i, 1))
			}
		}
	}
	c.echo = echo
	c.ts.Check(c.typist.press(keys))
}

// looksLikePrompt is what no line but a prompt may look like.
var looksLikePrompt = regexp.MustCompile(`^[A-Za-z0-9.\-\[\](){} ]*[>#] *$`)

// watch holds the output to the rule of prompts.
func (c *conformer) watch(lines []string) {
	for _, line := range lines {
		if looksLikePrompt.MatchString(line) {
			c.ts.Fatalf("%s: a client would take the line %q for the prompt", c.story, line)
		}
	}
}

// show is lines for a failure.
func show(lines []string, prompt string) string {
	return "\t" + strings.Join(append(lines, prompt+"|"), "\n\t")
}

// batchVerb is "batch NAME FILE [-in INPUT] LINE...": the batch form LINE, in words, of the commands in the transcript FILE succeeds
// in an exec request, in which what it changes is discarded behind it. Several forms may be joined by "; ".
func batchVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: batch NAME FILE [-in INPUT] LINE")
	}
	name, file, words := args[0], args[1], args[2:]
	var input string
	if words[0] == "-in" {
		input, words = ts.ReadFile(words[1]), words[2:]
	}
	for _, line := range words {
		c := worldOf(ts).conformance(file)
		c.lines = append(c.lines, strings.Split(line, "; ")...)
		cmd := sshCommand(ts, name, line+"; clearchanges -y")
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			ts.Fatalf("%s: %v\n%s", line, err, out)
		}
		for _, l := range strings.Split(string(out), "\n") {
			if looksLikePrompt.MatchString(l) {
				ts.Fatalf("%s: a client would take the line %q for the prompt", line, l)
			}
		}
	}
}

// conformedVerb is "conformed NAME FILE [EDITS]": every situation of the transcript was typed, every batch form in its comments was
// given to batch, and help prints each of them. EDITS names, with the decision, the batch forms that are not there.
func conformedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: conformed NAME FILE [EDITS]")
	}
	var missing string
	if len(args) == 3 {
		missing = leftOut(ts, ts.ReadFile(args[2]))
	}
	text, err := os.ReadFile(filepath.Join(transcripts, args[1]))
	ts.Check(err)
	c := worldOf(ts).conformance(args[1])
	var faults []string
	for _, s := range situations(string(text)) {
		if !c.typed[s.name] {
			faults = append(faults, fmt.Sprintf("the situation %q was not typed", s.name))
		}
	}
	help := map[string][]string{}
	for _, form := range batchForms(string(text)) {
		if strings.Contains(missing, form.String()+"\n") {
			continue
		}
		if !form.covered(c.lines) {
			faults = append(faults, fmt.Sprintf("the batch form %q was not tried", form))
		}
		if help[form[0]] == nil {
			help[form[0]] = helped(ts, args[0], form[0])
		}
		if !form.covered(help[form[0]]) {
			faults = append(faults, fmt.Sprintf("help %s does not print the batch form %q", form[0], form))
		}
	}
	if len(faults) > 0 {
		ts.Fatalf("%s:\n%s", args[1], strings.Join(faults, "\n"))
	}
}

// leftOut are the lines that decisions take away.
func leftOut(ts *testscript.TestScript, text string) string {
	changes, err := edits(text)
	ts.Check(err)
	decisions, err := os.ReadFile("../docs/decisions.md")
	ts.Check(err)
	var all string
	for _, e := range changes {
		ts.Check(e.check(string(decisions)))
		all += e.old
	}
	return all
}
