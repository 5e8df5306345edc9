package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"posthouse/config"
	"posthouse/shell"
)

const commentMost = 1000 // characters

func commit(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "commit",
		Summary:  "Put the changes in force.",
		Roles:    shell.Readers,
		RolesFor: commitRoles,
		Batch: []string{
			"commit [\"COMMENT\"] [y|n]",
			"commit -y",
			"commit force [\"COMMENT\"]",
			"commit check",
			"commit [force] confirmed MINUTES [\"COMMENT\"] [y|n]",
			"commit [force] at TIME [\"COMMENT\"] [y|n]",
			"commit at",
			"commit at cancel [N]",
		},
		Help: `Every change of this session comes into force, or none does and the reason is shown. The answer about rollback, y
where it is not said, decides whether the replaced configuration is offered for rollback; it is kept on disk either way.

What somebody else committed meanwhile is kept. Where both changed the same object, nothing is committed, and both values
are said. Of a listener each recipient, sender group, mail flow policy and server name is an object of its own.

-y commits without a comment. check changes nothing and says what would happen: ports that open and close, destinations
and sender groups that ask less of TLS, certificates that nobody uses, listeners that accept nobody or everybody,
accounts that lose rights, routes that lead to nothing. force commits although an earlier
command of the script failed, although a certificate's use becomes worse than it was, or although adminaccessconfig would
keep out this very session; at a terminal that is asked.

confirmed reverts what it commits after so many minutes, 1 to 1440, unless a plain commit of the same user follows in
time, or one of anybody that changes nothing: that one only confirms, and only an administrator's confirms a change to
users, their rights and the way in. A restart does not stop the clock. What somebody else has changed since is not
reverted, and a certificate keeps its newest content. Once more, it sets a new deadline.

at plans the commit for a time: 03:00, 2026-12-01T03:00 or +30m (also h and d). It is validated now, and at its time merged
with what was committed meanwhile and validated again, whoever is logged in then; a restart does not hinder it, up to an
hour late. What cannot be committed at its time changes nothing, and an alert and system_logs say why. The session's
changes are with the plan from then on. commit at alone lists what is planned, showchanges planned N shows one.`,
		Documents: []shell.Document{
			{For: "commit", Value: commitJSON{}},
			{For: "commit (nothing to commit)", Value: nothingJSON{}},
			{For: "commit (what waited is confirmed, or waits longer)", Value: confirmationJSON{}},
			{For: "commit check", Value: checkJSON{}},
			{For: "commit at TIME", Value: plannedCommitJSON{}},
			{For: "commit at", Value: plannedListJSON{}},
			{For: "commit at cancel", Value: cancelledJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			c := &committing{a: a, s: s}
			if len(args) > 0 {
				if handled, err := c.special(ctx, args); handled {
					return err
				}
			}
			return c.run(ctx)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"-y", "at", "check", "confirmed", "force"})
		},
	}
}

// commitRoles is who may commit; whoever edits a candidate may check it.
func commitRoles(args []string) shell.Roles {
	if len(args) == 1 && (strings.EqualFold(args[0], "check") || strings.EqualFold(args[0], "at")) {
		return shell.Readers
	}
	return shell.Operators
}

// committing is one run of commit.
type committing struct {
	a        *Appliance
	s        *shell.Session
	quiet    bool // the words say everything: nothing is asked
	force    bool
	comment  string
	rollback bool
	within   time.Duration // of a commit that is to be confirmed; 0 for one that stays
	at       time.Time     // of a commit that is planned; zero for one that is made now
}

// special reads the words. It has handled the whole command when it says so.
func (c *committing) special(ctx context.Context, args []string) (handled bool, err error) {
	c.quiet, c.rollback = true, true
	first := strings.ToLower(args[0])
	if first == "check" {
		if len(args) > 1 {
			return true, shell.Usage("Invalid word %q: nothing stands behind commit check.", args[1])
		}
		return true, c.check(ctx)
	}
	if first == "force" {
		c.force, args = true, args[1:]
	}
	if first == "at" {
		if handled, err := c.planned(ctx, args[1:]); handled {
			return true, err
		}
	}
	switch {
	case len(args) > 0 && strings.ToLower(args[0]) == "at":
		if args, err = c.time(args[1:]); err != nil {
			return true, err
		}
	case len(args) > 0 && strings.ToLower(args[0]) == "confirmed":
		if args, err = c.minutes(args[1:]); err != nil {
			return true, err
		}
	case first == "-y":
		return c.trailing(args[1:])
	}
	if len(args) > 0 {
		c.comment, args = args[0], args[1:]
	}
	return c.trailing(args)
}

// trailing reads what stands behind the comment.
func (c *committing) trailing(args []string) (handled bool, err error) {
	if len(args) == 1 && (isYes(args[0]) || isNo(args[0])) {
		c.rollback = isYes(args[0])
		args = nil
	}
	if len(args) > 0 {
		return true, shell.Usage("Invalid word %q: a comment of several words stands in double quotes, y or n behind it.", args[0])
	}
	return false, nil
}

func isNo(word string) bool {
	switch word {
	case "-n", "n", "N", "no":
		return true
	}
	return false
}

func (c *committing) run(ctx context.Context) error {
	if err := c.s.MayCommit(c.force); err != nil {
		return err
	}
	if len(c.s.Changes()) == 0 && !c.at.IsZero() {
		return c.nothing()
	}
	if len(c.s.Changes()) == 0 {
		return c.unchanged(ctx)
	}
	if err := checkComment(c.comment); err != nil {
		return err
	}
	if err := c.rights(); err != nil {
		return err
	}
	if !c.quiet {
		if err := c.ask(); err != nil {
			return err
		}
	}
	if sure, err := c.certificates(ctx); err != nil || !sure {
		return err
	}
	if !c.at.IsZero() {
		return c.plan(ctx)
	}
	result, err := c.put(ctx)
	switch {
	case errors.Is(err, config.ErrNothing):
		c.s.Committed()
		return c.unchanged(ctx)
	case err != nil:
		return c.refusal(err)
	}
	c.s.Committed()
	if c.a.Committed != nil {
		c.a.Committed(c.s.User(), c.comment)
	}
	return c.done(result)
}

type nothingJSON struct {
	Committed bool `json:"committed" doc:"false"`
}

func (c *committing) nothing() error {
	if c.s.JSON {
		return c.s.PrintJSON(nothingJSON{})
	}
	c.s.Say("There is no data to commit.")
	return nil
}

func (c *committing) ask() (err error) {
	c.comment, err = c.s.Ask(shell.Question{Text: "Please enter some comments describing your changes:", Check: checkComment})
	if err != nil {
		return err
	}
	c.rollback, err = c.s.YesNo("Do you want to save the current configuration for rollback?", true)
	return err
}

func checkComment(text string) error {
	if len([]rune(text)) > commentMost {
		return shell.Fail("Invalid comment: at most %d characters are accepted.", commentMost)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return shell.Fail("Invalid comment: control characters are not accepted.")
	}
	return nil
}

// refusal says why nothing was committed or confirmed.
func (c *committing) refusal(err error) error {
	var waiting *config.WaitingError
	if errors.As(err, &waiting) {
		w := waiting.Waiting
		return shell.Fail("Error: %s waits for its confirmation until %s, so nothing is committed; %s.", told(w.Revisions[0]), stamp(w.Until), c.howConfirmed(w))
	}
	return refusal(err)
}

// refusal says why nothing was committed.
func refusal(err error) error {
	if conflicts := config.ConflictErrors(err); len(conflicts) > 0 {
		return shell.Fail("%s", conflictLines(conflicts))
	}
	if errors.Is(err, config.ErrTime) {
		return shell.Fail("Invalid time: it is over, or more than %d days ahead.", config.MaxAhead/(24*time.Hour))
	}
	if errors.Is(err, config.ErrManyPlans) {
		return shell.Fail("Unable to plan: %d commits of one user and %d in all are the most; commit at cancel N makes room.",
			config.MaxPlannedOf, config.MaxPlanned)
	}
	var prepare *config.PrepareError
	if errors.As(err, &prepare) {
		return shell.Fail("Failed to commit: %w; the configuration is what it was.", prepare.Err)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return shell.Fail("Failed to commit: the disk is full; the configuration is what it was.")
	}
	return shell.Fail("Failed to commit: %s.", strings.TrimSuffix(strings.ReplaceAll(err.Error(), "\n", "; "), "."))
}

func (c *committing) done(r *config.CommitResult) error {
	if c.s.JSON {
		return c.s.PrintJSON(resultJSON(true, r))
	}
	c.kept(r.Kept)
	c.s.Say("Changes committed: %s", stamp(r.Revision.Time))
	c.waits(r)
	return nil
}

// kept names the commits of others since the candidate was made.
func (c *committing) kept(revisions []config.Revision) {
	for _, r := range revisions {
		c.s.Say("Kept: what %s from %s committed at %s; yours is added to it.", r.Author.User, r.Author.From, stamp(r.Time))
	}
}

func (c *committing) check(ctx context.Context) error {
	result, err := c.a.Config.Check(ctx, c.s.Uncommitted())
	switch {
	case errors.Is(err, config.ErrNothing):
		return c.nothing()
	case err != nil:
		return refusal(err)
	}
	r := c.remarks(result.Config)
	r.worse = append(r.worse, c.shutOut(result.Config)...)
	found := c.consequences(ctx, result.Config)
	if c.s.JSON {
		return c.s.PrintJSON(checkJSON{resultJSON(false, result), append([]string{}, r.worse...), append([]string{}, r.notes...), consequencesJSON(found)})
	}
	c.kept(result.Kept)
	printChanges(c.s, result.Changes)
	for _, line := range slices.Concat(r.worse, r.notes, consequenceLines(found)) {
		c.s.Say("%s", line)
	}
	if len(r.worse) > 0 {
		c.s.Say("The commit will ask about it once more; in exec and in scripts it needs commit force.")
	}
	c.s.Say("The changes are valid. Nothing is committed.")
	return nil
}

type revisionJSON struct {
	Number int       `json:"number" doc:"of the revision"`
	User   string    `json:"user" doc:"the account"`
	From   string    `json:"from" doc:"the address that the operator came from"`
	Time   time.Time `json:"time" doc:"when"`
}

func revisionOf(r config.Revision) revisionJSON {
	return revisionJSON{r.Number, r.Author.User, r.Author.From, wholeSecond(r.Time)}
}

// commitJSON is what --json prints of a commit.
type commitJSON struct {
	Committed bool           `json:"committed" doc:"it is in force"`
	Revision  *revisionJSON  `json:"revision,omitempty" doc:"what was written"`
	ConfirmBy *time.Time     `json:"confirm_by,omitempty" doc:"until when it waits to be confirmed"`
	Confirmed []revisionJSON `json:"confirmed,omitempty" doc:"commits that waited and stay now"`
	Kept      []revisionJSON `json:"kept" doc:"commits of others since the candidate was made"`
	Changes   []changeJSON   `json:"changes" doc:"settings that differ"`
}

// checkJSON is what --json prints of commit check: what becomes worse needs commit force.
type checkJSON struct {
	commitJSON
	Worse        []string          `json:"worse" doc:"what becomes worse: it needs commit force"`
	Notes        []string          `json:"notes" doc:"what is remarkable"`
	Consequences []consequenceJSON `json:"consequences" doc:"what comes of it"`
}

func resultJSON(committed bool, r *config.CommitResult) commitJSON {
	document := commitJSON{Committed: committed, Kept: revisionsJSON(r.Kept), Changes: changesJSON(r.Changes)}
	if committed {
		document.Revision = new(revisionOf(r.Revision))
		document.ConfirmBy = confirmBy(r.Waiting, r.Revision.Number)
		document.Confirmed = revisionsJSON(r.Confirmed)
	}
	return document
}
