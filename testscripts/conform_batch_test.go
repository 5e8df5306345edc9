package testscripts

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// batchForm is one batch form of a transcript, in words.
type batchForm []string

func (f batchForm) String() string { return strings.Join(f, " ") }

// batchForms reads the comments of a transcript: "# batch:" and the deeper comments behind it. Forms are separated by a middle
// dot; those behind the first leave out the command. What stands in parentheses or behind a semicolon is explanation.
func batchForms(text string) []batchForm {
	var all []batchForm
	command, within := "", false
	for _, line := range strings.Split(text, "\n") {
		_, list, begins := strings.Cut(line, "batch: ")
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			within = false
			continue
		}
		if !begins {
			if !within || !strings.HasPrefix(line, "#        ") || strings.HasPrefix(strings.TrimSpace(line[1:]), "keys:") {
				within = false
				continue
			}
			list = strings.TrimSpace(line[1:])
		}
		within = true
		first := batchForm(nil)
		for _, form := range strings.Split(explanations.ReplaceAllString(list, ""), "·") {
			form, _, _ = strings.Cut(form, "; ")
			form = remark.ReplaceAllString(form, "")
			for i, alternative := range strings.Split(form, " | ") {
				words := strings.Fields(alternative)
				if len(words) == 0 || words[0] == "for" || words[0] == "the" {
					continue
				}
				if begins {
					command, begins = words[0], false
				}
				switch {
				case words[0] == command || commandWord.MatchString(words[0]):
				case i > 0:
					words = append(first.upTo("new"), words...)
				case len(first) > 4 && first[1] == "edit" && literal.MatchString(first[3]):
					words = append(first[:4:4], words...)
				default:
					words = append(batchForm{command}, words...)
				}
				if i == 0 && first == nil || i == 0 && strings.Contains(form, " | ") {
					first = words
				}
				all = append(all, words)
			}
		}
	}
	return all
}

// upTo is the form before its last word new, or its command.
func (f batchForm) upTo(word string) batchForm {
	for i := len(f) - 1; i > 0; i-- {
		if f[i] == word {
			return f[:i:i]
		}
	}
	return f[:1:1]
}

var (
	explanations = regexp.MustCompile(`\([^)]*\)`)
	optional     = regexp.MustCompile(`\[[^\[\]]*\]`)
	commandWord  = regexp.MustCompile(`^(?:displayalerts|showconfig|resumelistener|listenerconfig|tlsverify|sslconfig|saveconfig)$`)
	remark       = regexp.MustCompile(`, one exact host.*|: our own .*| and edit NAME with .*`)
	literal      = regexp.MustCompile(`^[a-z_]+(?:\|[a-z_]+)*$|^--?[a-z]+$`)
)

// keywords are the form's words that stand for themselves and must be there; a word may be several, separated by |.
func (f batchForm) keywords() [][]string {
	var words [][]string
	for _, w := range strings.Fields(optional.ReplaceAllString(f.String(), "")) {
		if literal.MatchString(w) && w != "key" && w != "value" {
			words = append(words, strings.Split(w, "|"))
		}
	}
	return words
}

// covered says that each alternative of the form's keywords is in one of lines, with the others in their order.
func (f batchForm) covered(lines []string) bool {
	keys := f.keywords()
	for i, alternatives := range keys {
		for _, a := range alternatives {
			one := append([][]string{}, keys...)
			one[i] = []string{a}
			found := false
			for _, line := range lines {
				found = found || has(strings.Fields(line), one)
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// has says that words has one of the alternatives of each keyword, in their order, beginning with the first.
func has(words []string, keys [][]string) bool {
	for i, w := range words {
		if len(keys) > 0 && among(strings.Split(w, "|"), keys[0]) {
			keys = keys[1:]
		} else if i == 0 {
			return false
		}
	}
	return len(keys) == 0
}

func among(some, others []string) bool {
	for _, a := range some {
		if slices.Contains(others, a) {
			return true
		}
	}
	return false
}

// helped are the batch forms that help prints of a command, without the brackets around what may be left out.
func helped(ts *testscript.TestScript, name, command string) []string {
	out, err := sshCommand(ts, name, "help "+command).Output()
	ts.Check(err)
	_, list, _ := strings.Cut(string(out), "\nOn one line:\n")
	return strings.Split(strings.NewReplacer("[", "", "]", "").Replace(list), "\n")
}
