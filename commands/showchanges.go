package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func showChanges(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showchanges",
		Summary: "Show what a commit would change, or how two revisions differ.",
		Batch: []string{
			"showchanges",
			"showchanges REVISION [REVISION]",
			"showchanges planned N",
		},
		Help: `Each line is a setting, its value in force and the new one. What somebody else has committed since you began is in force,
and none of your changes; where both changed the same object the line ends with (conflict), and a commit is refused.

A revision is a number that commitdetail list shows, running for what is in force, or candidate for what this session has
entered. One revision is compared with what is in force, two with each other, from the first to the second. planned shows
what a commit that waits for its time changes; commit at lists them.`,
		Documents: []shell.Document{
			{For: "showchanges", Value: pendingJSON{}},
			{For: "showchanges REVISION", Value: comparisonJSON{}},
		},
		Roles: shell.Readers,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			switch {
			case len(args) == 0:
				return uncommitted(a, s)
			case strings.EqualFold(args[0], "planned"):
				return changesPlanned(a, s, args[1:])
			case len(args) > 2:
				return shell.Usage("Invalid word %q: showchanges compares two revisions.", args[2])
			case len(args) == 1:
				args = append(args, "running")
			}
			return compare(a, s, args[0], args[1])
		},
		Complete: func(_ *shell.Session, args []string) []string {
			words := []string{"running", "candidate"}
			if len(args) < 2 {
				words = append(words, "planned")
			}
			for _, r := range a.Config.Revisions() {
				words = append(words, strconv.Itoa(r.Number))
			}
			return startingWith(args, words)
		},
	}
}

func uncommitted(a *Appliance, s *shell.Session) error {
	entered := len(s.Changes())
	var p config.Pending
	if entered > 0 {
		p = a.Config.Pending(s.Uncommitted())
	}
	switch {
	case s.JSON:
		return s.PrintJSON(pendingJSON{changesJSON(p.Changes), conflictsJSON(p.Conflicts)})
	case entered == 0:
		s.Say("There are no changes.")
		return nil
	case len(p.Changes) == 0:
		s.Say("There are no changes: what was entered is in force already.")
		return nil
	}
	for i, line := range strings.Split(strings.TrimRight(config.FormatChanges(p.Changes), "\n"), "\n") {
		if p.Conflicting(p.Changes[i]) {
			line += "  (conflict)"
		}
		s.Println(line)
	}
	s.Say("%s, not committed.", changeCount(len(p.Changes)))
	for i, e := range p.Conflicts {
		if i == conflictsShown {
			s.Say("So were %d more objects.", len(p.Conflicts)-i)
			break
		}
		s.Say("%s was changed by %s at %s too: a commit is refused.", e.Object, e.By.Author.User, stamp(e.By.Time))
	}
	return nil
}

func changeCount(n int) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

// comparisonJSON is what --json prints of a comparison.
type comparisonJSON struct {
	From    string       `json:"from" doc:"such as revision 3, running, candidate or planned commit 2"`
	To      string       `json:"to" doc:"the same"`
	Changes []changeJSON `json:"changes" doc:"settings that differ"`
}

func changesPlanned(a *Appliance, s *shell.Session, args []string) error {
	if len(args) != 1 {
		return shell.Usage("Invalid use of showchanges planned: one number of a planned commit stands behind it.")
	}
	p, err := findPlanned(a, args[0])
	if err != nil {
		return err
	}
	return comparison(s, revisionTitle(p.Upon), fmt.Sprintf("planned commit %d", p.Number), p.Changes)
}

func compare(a *Appliance, s *shell.Session, from, to string) error {
	old, before, err := revisionNamed(a, s, from)
	if err != nil {
		return err
	}
	fresh, after, err := revisionNamed(a, s, to)
	if err != nil {
		return err
	}
	return comparison(s, before, after, config.Diff(old, fresh))
}

func comparison(s *shell.Session, from, to string, changes []config.Change) error {
	if s.JSON {
		return s.PrintJSON(comparisonJSON{from, to, changesJSON(changes)})
	}
	if len(changes) == 0 {
		s.Say("There are no changes from %s to %s.", from, to)
		return nil
	}
	printChanges(s, changes)
	s.Say("%s from %s to %s.", changeCount(len(changes)), from, to)
	return nil
}

// revisionNamed is the configuration that a word means, and what it is called.
func revisionNamed(a *Appliance, s *shell.Session, word string) (*config.Config, string, error) {
	i := abbreviated(word, []string{"running", "candidate"})
	switch {
	case i == 0:
		return a.Config.Running().Config, "running", nil
	case i == 1:
		return s.Candidate(), "candidate", nil
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		return nil, "", shell.Usage("Invalid revision %q: a number, running and candidate are accepted.", word)
	}
	c, err := a.Config.Load(n)
	if errors.Is(err, config.ErrNoRevision) {
		return nil, "", noRevision(a, n)
	}
	if err != nil {
		return nil, "", shell.Fail("Unable to read revision %d: %w.", n, err)
	}
	return c, revisionTitle(n), nil
}

func revisionTitle(n int) string { return fmt.Sprintf("revision %d", n) }

// noRevision says which revisions there are.
func noRevision(a *Appliance, n int) error {
	list := a.Config.Revisions()
	if len(list) == 0 {
		return shell.Fail("Unknown revision %d: there is none.", n)
	}
	if len(list) == 1 {
		return shell.Fail("Unknown revision %d: only %d is kept.", n, list[0].Number)
	}
	return shell.Fail("Unknown revision %d: %d to %d are kept.", n, list[len(list)-1].Number, list[0].Number)
}

func printChanges(s *shell.Session, changes []config.Change) {
	if text := strings.TrimRight(config.FormatChanges(changes), "\n"); text != "" {
		s.Println(text)
	}
}

// pendingJSON is what --json prints of the session's changes.
type pendingJSON struct {
	Changes   []changeJSON   `json:"changes" doc:"settings that differ"`
	Conflicts []conflictJSON `json:"conflicts" doc:"objects that somebody else changed too since this session began to; a commit is refused"`
}

// conflictJSON is an object that two have changed.
type conflictJSON struct {
	Object string       `json:"object" doc:"its path; the settings in changes begin with it"`
	By     revisionJSON `json:"by" doc:"the commit that changed it"`
}

func conflictsJSON(conflicts []*config.ConflictError) []conflictJSON {
	list := make([]conflictJSON, len(conflicts))
	for i, e := range conflicts {
		list[i] = conflictJSON{e.Object, revisionOf(e.By)}
	}
	return list
}

// changeJSON is one changed setting for programs.
type changeJSON struct {
	Path string `json:"path" doc:"of the setting, as in posthouse.toml"`
	Old  string `json:"old" doc:"its value in force; (none): it is not there"`
	New  string `json:"new" doc:"the new value; (none): it is gone"`
}

func changesJSON(changes []config.Change) []changeJSON {
	list := make([]changeJSON, len(changes))
	for i, c := range changes {
		list[i] = changeJSON(c)
	}
	return list
}
