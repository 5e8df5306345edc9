package commands

import (
	"fmt"
	"strings"

	"posthouse/shell"
)

// chooseAllowed asks for one of options, some of which refuse refuses with a line: at a terminal it asks again then.
// It returns the option's index.
func chooseAllowed(s *shell.Session, heading string, options []string, def int, refuse func(i int) error) (int, error) {
	const tries = 5
	for try := 1; ; try++ {
		n, err := s.Choose(heading, options, def)
		if err != nil {
			return 0, err
		}
		err = refuse(n - 1)
		if err == nil {
			return n - 1, nil
		}
		if !s.Interactive() || try == tries {
			return 0, err
		}
		s.Say("%v", err)
	}
}

// numbered lists lines as a choice shows them, from 1.
func numbered(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&b, "%d. %s\n", i+1, line)
	}
	return b.String()
}
