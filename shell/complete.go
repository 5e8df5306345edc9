package shell

import (
	"slices"
	"strings"
)

// completeMain proposes words at the main prompt: commands, the words of a command's batch forms and the names that exist,
// --json, and filters.
func (s *Session) completeMain(line string) []string {
	words, ok := lastStatement(line)
	if !ok {
		return nil
	}
	if len(words) < 2 {
		return s.offered()
	}
	if i := slices.Index(words, "|"); i > 0 {
		for j := i + 1; j < len(words); j++ {
			if words[j] == "|" {
				i = j
			}
		}
		if i == len(words)-2 {
			return []string{"count", "except", "grep", "head", "last", "no-more"}
		}
		return nil
	}
	cmd, err := s.opts.lookup(words[0])
	if err != nil || !s.offers(cmd) {
		return nil
	}
	return s.arguments(cmd, words[1:])
}

// arguments proposes words for the last of args.
func (s *Session) arguments(cmd *Command, args []string) []string {
	last := args[len(args)-1]
	before := slices.DeleteFunc(slices.Clone(args[:len(args)-1]), isOptionJSON)
	var list []string
	if cmd.Complete != nil {
		list = slices.Clone(cmd.Complete(s, append(slices.Clone(before), last)))
	}
	if len(list) == 0 {
		list = s.fromForms(cmd, before)
	}
	if cmd.TakesJSON() && strings.HasPrefix(last, "-") {
		list = append(list, optionJSON)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lastStatement splits the last statement of a line that is being typed into words; the last of them, perhaps empty, is
// the one to complete. It is false inside quotes, where nothing is proposed.
func lastStatement(line string) (words []string, ok bool) {
	tokens, err := tokenize(line)
	if err != nil {
		return nil, false
	}
	for _, t := range tokens {
		if t.sign && t.text == ";" {
			words = nil
			continue
		}
		words = append(words, t.text)
	}
	if line == "" || strings.HasSuffix(line, " ") || strings.HasSuffix(line, ";") || strings.HasSuffix(line, "|") {
		words = append(words, "")
	}
	return words, true
}
