package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"posthouse/shell"
)

// askNamed is a numbered choice whose lines show more than the names that are accepted for them beside the numbers.
// The list stands between heading and question, of which either may be empty; def counts from 1, 0 is no default.
// The result is an index.
func askNamed(s *shell.Session, c shell.Choice, names []string) (int, error) {
	q := shell.Question{Text: listText(c), Required: true, Complete: func() []string { return names }}
	if c.Default > 0 {
		q.Default = strconv.Itoa(c.Default)
	}
	q.Check = func(answer string) error { _, err := numberOrName(answer, names); return err }
	answer, err := s.Ask(q)
	if err != nil {
		return 0, err
	}
	return numberOrName(answer, names)
}

func listText(c shell.Choice) string {
	var lines []string
	if c.Heading != "" {
		lines = append(lines, c.Heading)
	}
	for i, line := range c.Options {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, line))
	}
	if c.Question != "" {
		lines = append(lines, c.Question)
	}
	return strings.Join(lines, "\n")
}

// askListed asks for one of names, which stand numbered above the question already.
func askListed(s *shell.Session, names []string, text string) (string, error) {
	i, err := askNamed(s, shell.Choice{Question: text}, names)
	if err != nil {
		return "", err
	}
	return names[i], nil
}

// numberOrName finds the answer among names: a number from 1, else the name in any case.
func numberOrName(answer string, names []string) (int, error) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(names) {
		return n - 1, nil
	}
	if i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, answer) }); i >= 0 {
		return i, nil
	}
	if len(names) == 1 {
		return 0, shell.Fail("Invalid choice %q: 1 or %s is accepted.", answer, names[0])
	}
	return 0, shell.Fail("Invalid choice %q: a number from 1 to %d or a name from the list is accepted.", answer, len(names))
}
