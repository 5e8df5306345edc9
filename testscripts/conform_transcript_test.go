package testscripts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// transcripts is the folder of the dialogues that the product is held to. In them
//
//	a line with << behind it     is a prompt and what the operator types there; what stands behind the mark is a remark
//	three blanks and more text   is explanation, with the deeper lines behind it; so is what stands in parentheses alone
//	...                          is any number of lines
//	# at the line's beginning    is a comment, and "# batch:" lists batch forms
const transcripts = "testdata/cli"

// situation is one part of a transcript: from one main prompt to the next.
type situation struct {
	name  string // the command, with a number behind it where the file has it more than once
	lines []string
}

// tableHead is the head of a table whose first column is a number's; no comment has two blanks there.
var tableHead = regexp.MustCompile(`^#  \S`)

var situationBegin = regexp.MustCompile(`^mail\.example\.com> (\S.*)$`)

// situations splits a transcript at its main prompts. A prompt of which the line has no << is a remark in which the dialogue
// is only described.
func situations(text string) []situation {
	var all []situation
	seen := map[string]int{}
	for _, line := range strings.Split(text, "\n") {
		if m := situationBegin.FindStringSubmatch(line); m != nil {
			command, _, _ := strings.Cut(m[1], "<<")
			name := strings.Trim(strings.Fields(command)[0], ",:")
			if seen[name]++; seen[name] > 1 {
				name += " " + strconv.Itoa(seen[name])
			}
			all = append(all, situation{name: name})
		}
		if len(all) > 0 && (!strings.HasPrefix(line, "#") || tableHead.MatchString(line)) {
			s := &all[len(all)-1]
			s.lines = append(s.lines, line)
		}
	}
	return all
}

// situationOf finds a situation by its name.
func situationOf(file, name string) (situation, error) {
	text, err := os.ReadFile(filepath.Join(transcripts, file))
	if err != nil {
		return situation{}, err
	}
	for _, s := range situations(string(text)) {
		if s.name == name {
			return s, nil
		}
	}
	return situation{}, fmt.Errorf("%s has no situation %q", file, name)
}

// step is one prompt of a transcript: the lines before it, the prompt, and what is typed there.
type step struct {
	want   []string // the output before the prompt; see match
	prompt string   // what stands before the cursor; empty where a block of text is typed, or Ctrl-C into a running display
	typed  string
	block  []string // what is typed where the question asks for a block
	secret bool     // nothing is echoed
	last   bool     // the end of the situation: nothing is typed
}

const (
	typedMark = "<<"
	gap       = "(blank)" // in want: blank lines, as many as there are, where the transcript has explanation
	several   = "..."     // in want: lines, as many as there are
	interrupt = "^C"      // as an answer: Ctrl-C
)

var (
	promptLine = regexp.MustCompile(`^(> |.*?\]> ?|>|mail\.example\.com> )(.*)$`)
	// secretLine is a question after which nothing is echoed; its answer stands in braces where the story has put one.
	secretLine = regexp.MustCompile(`^([^{]*:) *(?:\{(.*)\})?$`)
)

// steps reads a situation's lines.
func (s situation) steps() []step {
	var r transcriptReader
	for _, line := range s.lines {
		r.read(line)
	}
	r.now.last = true
	return append(r.steps, r.now)
}

type transcriptReader struct {
	steps     []step
	now       step
	explained bool // the line before was explanation
	block     bool // the lines are what the operator types into a block
}

func (r *transcriptReader) read(line string) {
	line, _, typed := strings.Cut(line, typedMark)
	line = strings.TrimRight(line, " ")
	switch {
	case r.block:
		r.steps[len(r.steps)-1].block = append(r.steps[len(r.steps)-1].block, line)
		r.block = !typed || line != "." && line != ""
	case line == "[]>" && !typed, typed:
		r.answered(line)
	case explanation(line, r.explained):
		r.explained = true
		if n := len(r.now.want); n > 0 && r.now.want[n-1] == "" {
			r.now.want = r.now.want[:n-1]
		}
		if n := len(r.now.want); n == 0 || r.now.want[n-1] != gap {
			r.now.want = append(r.now.want, gap)
		}
	case line == "" && r.explained:
	default:
		r.explained = false
		r.now.want = append(r.now.want, line)
		if strings.HasSuffix(line, "(end with '.'):") || line == "Press enter on a blank line to finish." {
			r.next()
			r.block = true
		}
	}
}

func (r *transcriptReader) next() {
	r.steps = append(r.steps, r.now)
	r.now, r.explained = step{}, false
}

// answered takes the line of a prompt apart.
func (r *transcriptReader) answered(line string) {
	if line == interrupt {
		r.now.typed = interrupt
	} else if m := promptLine.FindStringSubmatch(line); m != nil {
		r.now.prompt, r.now.typed = strings.TrimRight(m[1], " ")+" ", m[2]
	} else if m := secretLine.FindStringSubmatch(line); m != nil {
		r.now.prompt, r.now.typed, r.now.secret = m[1]+" ", m[2], true
	}
	r.next()
}

// explanation says that a line is not output: three blanks before it, or more behind such a line.
func explanation(line string, before bool) bool {
	return strings.HasPrefix(line, "   ") && (before || !strings.HasPrefix(line, "    "))
}

// edit is one place where a story changes the transcript before it is typed.
type edit struct{ kind, old, new string }

// edits reads what stands between a story's situation and the transcript:
//
//	name                the transcript's names, addresses and what is typed as the fixture has them
//	prose               what the product says where the transcript explains
//	decided: WORDS      where the product differs; WORDS stand in docs/decisions.md
//	-the transcript's lines
//	+what stands there instead
//	before              what is typed at the main prompt beforehand, each line with a + before it
func edits(text string) ([]edit, error) {
	var all []edit
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			if len(all) == 0 {
				return nil, fmt.Errorf("line %d: a change without a reason", n+1)
			}
			e := &all[len(all)-1]
			if line[0] == '-' && e.new != "" {
				all = append(all, edit{kind: e.kind})
				e = &all[len(all)-1]
			}
			if line[0] == '-' {
				e.old += line[1:] + "\n"
			} else {
				e.new += line[1:] + "\n"
			}
			continue
		}
		if line != "" {
			all = append(all, edit{kind: line})
		}
	}
	return all, nil
}

// check says what is wrong with an edit's reason.
func (e edit) check(decisions string) error {
	if why, ok := strings.CutPrefix(e.kind, "decided: "); ok {
		if !strings.Contains(decisions, why) {
			return fmt.Errorf("docs/decisions.md does not say %q", why)
		}
		return nil
	}
	switch e.kind {
	case "name", "before":
		return nil
	case "prose":
		first := strings.SplitN(e.old, "\n", 2)[0]
		if strings.HasPrefix(first, "   ") || strings.HasPrefix(strings.TrimSpace(first), "(") || first == several || first == "" || strings.HasPrefix(first, "- ") ||
			situationBegin.MatchString(first) && !strings.Contains(first, typedMark) {
			return nil
		}
		return fmt.Errorf("%q is no explanation", first)
	}
	return fmt.Errorf("unknown reason %q", e.kind)
}

// apply changes the situation's lines.
func (s situation) apply(all []edit, decisions string) (situation, error) {
	text := "\n" + strings.Join(s.lines, "\n") + "\n"
	for _, e := range all {
		if e.kind == "before" {
			continue
		}
		if err := e.check(decisions); err != nil {
			return s, err
		}
		old := strings.TrimSuffix(e.old, "\n")
		if e.kind == "name" && !strings.Contains(old, "\n") {
			if !strings.Contains(text, old) {
				return s, fmt.Errorf("the transcript does not have %q", old)
			}
			text = strings.ReplaceAll(text, old, strings.TrimSuffix(e.new, "\n"))
			continue
		}
		if !strings.Contains(text, "\n"+e.old) {
			return s, fmt.Errorf("the transcript does not have the lines %q", old)
		}
		text = strings.Replace(text, "\n"+e.old, "\n"+e.new, 1)
	}
	s.lines = strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "\n"), "\n"), "\n")
	return s, nil
}
