package shell

import (
	"slices"
	"strings"
)

// completeMain proposes words at the main prompt: commands, the words of a command's batch forms, filters.
func (s *Session) completeMain(line string) []string {
	if i := strings.LastIndexByte(line, ';'); i >= 0 {
		line = line[i+1:]
	}
	words := strings.Fields(line)
	if line == "" || strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	if len(words) < 2 {
		return s.offered()
	}
	if words[len(words)-2] == "|" {
		return []string{"count", "except", "grep", "head", "last", "no-more"}
	}
	if slices.Contains(words[1:len(words)-1], "|") {
		return nil // the argument of a filter
	}
	cmd, err := s.opts.lookup(words[0])
	if err == nil && cmd.TakesJSON() && strings.HasPrefix(words[len(words)-1], "--") {
		return []string{"--json"}
	}
	if err != nil || cmd.Complete == nil || !s.offers(cmd) {
		return nil
	}
	list := slices.Clone(cmd.Complete(s, words[1:]))
	slices.Sort(list)
	return list
}
