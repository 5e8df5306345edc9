package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/localtime"
	"posthouse/shell"
)

func rollbackConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "rollbackconfig",
		Summary: "Go back to an earlier configuration.",
		Batch: []string{
			"rollbackconfig list",
			"rollbackconfig N [commit] [y]",
		},
		Help: `The configurations that commits have replaced are listed, the newest first, but for those whose commit said that they
are not to be saved for rollback. The chosen one takes the place of what this session has entered; it is in force once it
is committed, at once with the word commit. y answers whether it is meant.

A certificate profile that is still there keeps its newest content: no older certificate comes back.`,
		Commit: true, WholeWord: true,
		Documents: []shell.Document{
			{For: "rollbackconfig list", Value: previousJSON{}},
			{For: "rollbackconfig N", Value: rolledBackJSON{}},
		},
		// An earlier configuration may have other users with other rights.
		Roles: shell.Readers,
		RolesFor: func(args []string) shell.Roles {
			if len(args) == 1 && strings.EqualFold(args[0], "list") {
				return shell.Readers
			}
			return shell.Administrator
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			r := &rollingBack{a: a, s: s, list: a.Config.Previous()}
			if len(args) > 0 {
				return r.batch(ctx, args)
			}
			return r.dialogue(ctx)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			switch len(args) {
			case 0, 1:
				words := []string{"list"}
				for i := range a.Config.Previous() {
					words = append(words, strconv.Itoa(i+1))
				}
				return startingWith(args, words)
			}
			return startingWith(args, []string{"commit", "y"})
		},
	}
}

// rollingBack is one run of rollbackconfig.
type rollingBack struct {
	a    *Appliance
	s    *shell.Session
	list []config.Revision
	sure bool
}

func (r *rollingBack) dialogue(ctx context.Context) error {
	r.print()
	if len(r.list) == 0 {
		return nil
	}
	answer, err := r.s.Ask(shell.Question{Text: "Enter the number of the config to revert to.", Check: func(word string) error {
		_, err := number("number", word, 1, len(r.list))
		return err
	}})
	if err != nil || answer == "" {
		return err
	}
	n, _ := number("number", answer, 1, len(r.list))
	to := r.list[n-1]
	if done, err := r.revert(to); err != nil || !done {
		return err
	}
	r.s.Say("%s", reverted(to))
	if len(r.s.Changes()) == 0 {
		return r.same()
	}
	now, err := r.s.YesNo("Do you want to commit this configuration now?", false)
	if err != nil || !now {
		return err
	}
	if result, err := r.commit(ctx, to); err != nil || result == nil {
		return err
	}
	r.s.Say("Committed the changes successfully")
	return nil
}

func (r *rollingBack) batch(ctx context.Context, args []string) error {
	if strings.EqualFold(args[0], "list") {
		if len(args) > 1 {
			return shell.Usage("Invalid word %q: nothing stands behind rollbackconfig list.", args[1])
		}
		if r.s.JSON {
			return r.s.PrintJSON(previousOf(r.list))
		}
		r.print()
		return nil
	}
	if len(r.list) == 0 {
		return shell.Fail("Invalid number %q: there is no earlier configuration.", args[0])
	}
	n, err := number("number", args[0], 1, len(r.list))
	if err != nil {
		return err
	}
	commit := false
	for _, word := range args[1:] {
		switch {
		case strings.EqualFold(word, "commit") && !commit:
			commit = true
		case isYes(word) && !r.sure:
			r.sure = true
		default:
			return shell.Usage("Invalid word %q: commit and y are accepted behind the number.", word)
		}
	}
	return r.now(ctx, r.list[n-1], commit)
}

// now does what the words say.
func (r *rollingBack) now(ctx context.Context, to config.Revision, commit bool) error {
	if done, err := r.revert(to); err != nil || !done {
		return err
	}
	document := rolledBackJSON{RevertedTo: revisionOf(to), Changes: changesJSON(r.s.Changes())}
	r.s.Say("%s", reverted(to))
	switch {
	case len(r.s.Changes()) == 0 && !r.s.JSON:
		return r.same()
	case commit && len(r.s.Changes()) > 0:
		result, err := r.commit(ctx, to)
		if err != nil || result == nil {
			return err
		}
		document.Revision, document.Confirmed = new(revisionOf(result.Revision)), revisionsJSON(result.Confirmed)
		r.s.Say("Committed the changes successfully")
	}
	if r.s.JSON {
		document.Committed = document.Revision != nil
		return r.s.PrintJSON(document)
	}
	return nil
}

// revert puts the earlier configuration in the place of the candidate, with what is running now as its base.
func (r *rollingBack) revert(to config.Revision) (done bool, err error) {
	if n := len(r.s.Changes()); n > 0 {
		r.s.Say("What is entered and not committed (%s) is lost by this.", changeCount(n))
	}
	if !r.sure {
		sure, err := r.s.YesNo("Are you sure you want to roll back the configuration?", false)
		if err != nil || !sure {
			return false, err
		}
	}
	earlier, err := r.a.Config.Earlier(to.Number)
	if errors.Is(err, config.ErrNoRevision) {
		return false, shell.Fail("Unable to roll back: the configuration of %s is not kept any more.", stamp(to.Time))
	}
	if err != nil {
		return false, shell.Fail("Unable to roll back: %w.", err)
	}
	r.s.Committed()
	*r.s.Uncommitted() = *earlier
	return true, nil
}

// commit puts it in force. There is no result where the operator thinks better of it.
func (r *rollingBack) commit(ctx context.Context, to config.Revision) (*config.CommitResult, error) {
	c := &committing{a: r.a, s: r.s, quiet: true, rollback: true, comment: "Rollback to " + strings.TrimRight(listedCommit(to), " ")}
	if err := r.s.MayCommit(false); err != nil {
		return nil, err
	}
	if sure, err := c.certificates(ctx); err != nil || !sure {
		return nil, err
	}
	result, err := c.put(ctx)
	if err != nil {
		return nil, refusal(err)
	}
	r.s.Committed()
	if r.a.Committed != nil {
		r.a.Committed(r.s.User(), c.comment)
	}
	c.kept(result.Kept)
	c.waits(result)
	return result, nil
}

func (r *rollingBack) same() error {
	r.s.Committed()
	r.s.Say("It is the same as the running configuration.")
	return nil
}

// print lists the earlier configurations.
func (r *rollingBack) print() {
	if len(r.list) == 0 {
		r.s.Say("There are no previous commits.")
		return
	}
	r.s.Printf("Previous Commits :\n    %-30s%-17sDescription\n%s\n", "Committed On", "User", strings.Repeat("-", 81))
	for i, to := range r.list {
		line := fmt.Sprintf("%d. %s", i+1, clockTime(to.Time))
		r.s.Println(strings.TrimRight(fmt.Sprintf("%-33s %-16s %s", line, to.Author.User, to.Comment), " "))
	}
}

// clockTime is a time as the list has it: without the zone.
func clockTime(t time.Time) string { return localtime.Of(t).Format("Mon Jan 02 15:04:05 2006") }

func reverted(to config.Revision) string {
	return strings.TrimRight("Reverted to "+listedCommit(to), " ")
}

func listedCommit(r config.Revision) string {
	return fmt.Sprintf("%s   %s   %s", clockTime(r.Time), r.Author.User, r.Comment)
}

// previousCommitJSON is one line of rollbackconfig list.
type previousCommitJSON struct {
	Number   int       `json:"number" doc:"what rollbackconfig takes; it changes with every commit"`
	Revision int       `json:"revision" doc:"what showchanges takes"`
	Time     time.Time `json:"time" doc:"when it came into force"`
	User     string    `json:"user" doc:"the account that committed it"`
	From     string    `json:"from" doc:"the address that the operator came from"`
	Comment  string    `json:"comment" doc:"as the operator gave it"`
}

// previousJSON is what --json prints of rollbackconfig list.
type previousJSON struct {
	Previous []previousCommitJSON `json:"previous" doc:"the newest first"`
}

func previousOf(list []config.Revision) previousJSON {
	document := previousJSON{[]previousCommitJSON{}}
	for i, r := range list {
		document.Previous = append(document.Previous, previousCommitJSON{i + 1, r.Number, r.Time, r.Author.User, r.Author.From, r.Comment})
	}
	return document
}

// rolledBackJSON is what --json prints of a rollback.
type rolledBackJSON struct {
	RevertedTo revisionJSON   `json:"reverted_to" doc:"whose configuration it is"`
	Committed  bool           `json:"committed" doc:"it is in force"`
	Revision   *revisionJSON  `json:"revision,omitempty" doc:"the new one"`
	Confirmed  []revisionJSON `json:"confirmed,omitempty" doc:"commits that waited and stay now"`
	Changes    []changeJSON   `json:"changes" doc:"against what was running"`
}
