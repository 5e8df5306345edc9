package shell

import (
	"slices"
	"strings"
)

// begins is the beginning of commands' names that a statement asks about: s? alone, or s ? where s is no command.
func (o *Options) begins(st statement) string {
	if st.begin != "" {
		return st.begin
	}
	if st.asks && len(st.words) == 2 {
		if _, err := o.lookup(st.words[0]); err != nil {
			return st.words[0]
		}
	}
	return ""
}

// beginning is every command with a name that begins so, in any case, that the user may run in some form.
func (s *Session) beginning(typed string) []*Command {
	fits := func(name string) bool { return len(typed) <= len(name) && strings.EqualFold(name[:len(typed)], typed) }
	var list []*Command
	for _, c := range s.permitted() {
		if typed != "" && (fits(c.Name) || slices.ContainsFunc(c.Aliases, fits)) {
			list = append(list, c)
		}
	}
	return list
}

// listBeginning answers a statement that asks which commands begin so. It has not where none does.
func (s *Session) listBeginning(st statement) (listed bool, err error) {
	list := s.beginning(s.opts.begins(st))
	if len(list) == 0 {
		return false, nil
	}
	help := s.opts.help()
	s.audit("'" + strings.Join(st.words, " ") + "'")
	s.JSON = false
	err = s.piped(st.pipes, func() error { s.summaries(list); return nil })
	s.auditResult(help, err)
	return true, err
}

// summaries prints commands with their summaries, in order of name.
func (s *Session) summaries(list []*Command) {
	slices.SortFunc(list, func(a, b *Command) int { return strings.Compare(a.Name, b.Name) })
	widest := 0
	for _, c := range list {
		widest = max(widest, len(c.Name))
	}
	gap := widest + 2
	for _, c := range list {
		s.Printf("%-*s%s\n", gap, c.Name, s.beside(gap, c.Summary))
	}
}
