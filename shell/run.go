package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"posthouse/config"
)

const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// runLine does every statement of a command line. It returns ErrExit, or another reason why the session ends, or nil.
func (s *Session) runLine(ctx context.Context, line string) error {
	list, err := parseLine(line)
	if err != nil {
		s.audit("a line that is not understood")
		return s.report(err)
	}
	for _, st := range list {
		if err := s.report(s.runStatement(ctx, st)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errGone
		}
	}
	return nil
}

// report shows why a command failed and notes it. It returns what ends the session, or nil.
func (s *Session) report(err error) error {
	s.scr.fresh()
	if err == nil || errors.Is(err, ErrEnough) {
		return nil
	}
	if errors.Is(err, ErrExit) || errors.Is(err, errGone) || errors.Is(err, errIdle) || errors.Is(err, errClosing) {
		return err
	}
	s.failed = true
	s.note(statusOf(err))
	text := message(err)
	if s.way == terminal && errors.Is(err, ErrInterrupted) {
		return nil // the ^C on the screen says it
	}
	if text != "" {
		s.sayError(text)
	}
	return nil
}

// sayError shows a failure: on standard error for an exec request, else in the dialogue.
func (s *Session) sayError(text string) {
	if s.way == exec {
		io.WriteString(s.err, clip(text)+"\n")
		return
	}
	s.say(text)
}

// Hint says one line to people beside the output, where text is not empty: on standard error for an exec request, else in the dialogue, past the
// filters. It is no failure. In a dialogue that shows a document it is left out.
func (s *Session) Hint(text string) {
	if text != "" && (s.way == exec || !s.JSON) {
		s.sayError(text)
	}
}

// note keeps the worst exit status: a line that was not understood counts more than a failure.
func (s *Session) note(status int) { s.status = max(s.status, status) }

func statusOf(err error) int {
	var f *failure
	if errors.As(err, &f) && f.usage {
		return statusUsage
	}
	return statusFailed
}

// runStatement does one command with its filters.
func (s *Session) runStatement(ctx context.Context, st statement) error {
	if err := s.stillWelcome(); err != nil {
		return err
	}
	if listed, err := s.listBeginning(st); listed {
		return err
	}
	cmd, err := s.opts.lookup(st.words[0])
	if err != nil {
		s.audit("a command that is not known") // whatever it was may have been a password
		return err
	}
	args := slices.Clone(st.words[1:])
	s.audit("'" + cmd.auditLine(args) + "'")
	if st.asks && len(args) == 1 {
		cmd, args = s.opts.help(), []string{cmd.Name}
	} else if st.asks {
		s.JSON = false
		err := s.admitHelp(cmd)
		if err == nil {
			err = s.piped(st.pipes, func() error { return s.describeNext(cmd, args[:len(args)-1]) })
		}
		s.auditResult(cmd, err)
		return err
	}
	args, err = s.takeJSON(cmd, args)
	if err == nil {
		err = s.admit(cmd, args)
	}
	if err == nil {
		err = s.piped(st.pipes, func() error { return s.execute(ctx, cmd, args) })
		err = cmd.withForms(err, args)
	}
	s.publish(cmd)
	s.auditResult(cmd, err)
	return err
}

// publish tells the other sessions what this one has changed and not committed: a summary, never the candidate itself.
func (s *Session) publish(after *Command) {
	if s.live != nil && (s.cand == nil || after.Commit) {
		s.live.uncommitted(s.summary())
	}
}

// summary is how much the candidate changes, and where.
func (s *Session) summary() (changes int, objects []string) {
	if changes = len(s.Changes()); changes > 0 {
		objects = s.cand.Objects()
	}
	return changes, objects
}

// errRefused is found in the failure of a command that was not begun because the user may not run it.
var errRefused = errors.New("refused")

// admit refuses a command that the role or the key does not permit, or that has to wait for a new passphrase.
func (s *Session) admit(cmd *Command, args []string) error {
	err := s.mayRun(cmd, args)
	if err == nil && s.opts.Gate != nil {
		err = s.opts.Gate(s, cmd)
	}
	if err != nil {
		return &failure{text: message(err), cause: errRefused}
	}
	return nil
}

// admitHelp refuses to tell of the words of a command that the user may run in no form: names of things are among them.
func (s *Session) admitHelp(cmd *Command) error {
	var err error
	if !s.offers(cmd) {
		err = Fail("Error: your role does not permit %s.", cmd.Name)
	} else if s.opts.Gate != nil {
		err = s.opts.Gate(s, cmd)
	}
	if err != nil {
		return &failure{text: message(err), cause: errRefused}
	}
	return nil
}

// stillWelcome ends the session of a user whose account is gone from the running configuration, locked in it, or another one
// of the same name.
func (s *Session) stillWelcome() error {
	snap := s.opts.Config.Running()
	if s.id.method == methodConsole || snap == nil || snap.Config == nil || len(snap.Config.Users) == 0 {
		return nil
	}
	why := ""
	if u, ok := snap.Config.Users[s.id.user]; !ok {
		why = " does not exist any more; the session ends."
	} else if u != nil && u.Locked {
		why = " is locked; the session ends."
	} else if !s.sameAccount(snap.Config) {
		why = " was made anew since you logged in; the session ends."
	}
	if why == "" {
		return nil
	}
	s.sayError("Error: the account " + quote(s.id.user) + why)
	s.note(statusFailed)
	return ErrExit
}

// optionJSON asks for a document, wherever it stands and however often.
const optionJSON = "--json"

func isOptionJSON(word string) bool { return word == optionJSON }

// takeJSON removes --json from args.
func (s *Session) takeJSON(cmd *Command, args []string) ([]string, error) {
	s.JSON = s.jsonMode && cmd.TakesJSON()
	rest := slices.DeleteFunc(args, isOptionJSON)
	if len(rest) == len(args) {
		return args, nil
	}
	if !cmd.TakesJSON() {
		return nil, Usage("Invalid option %q: %s has no JSON form.", optionJSON, cmd.Name)
	}
	s.JSON = true
	return rest, nil
}

// piped runs f with its output going through the filters.
func (s *Session) piped(specs []filterSpec, f func() error) error {
	s.stdout = s.scr
	s.scr.setPaging(s.pages() && !slices.ContainsFunc(specs, func(p filterSpec) bool { return p.name == "no-more" }))
	if len(specs) == 0 {
		return f()
	}
	p := newPipe(specs, s.scr)
	s.stdout = p
	err := f()
	s.stdout = s.scr
	// What a command printed before it failed belongs to its output: tlsverify shows much and then fails.
	if err == nil || errors.Is(err, ErrEnough) || p.used && !errors.Is(err, ErrInterrupted) {
		if cerr := p.Close(); err == nil {
			err = cerr
		}
	}
	if err == nil {
		s.Hint(p.hint())
	}
	return err
}

// execute runs the command with a context that an interrupt cancels, on a candidate that is put back if it fails. A
// panic is a fault of ours that must not take the mail down with it.
func (s *Session) execute(ctx context.Context, cmd *Command, args []string) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	outer, outerEnd := s.ctx, s.end
	s.ctx, s.end, s.marked, s.command = ctx, cancel, false, cmd
	s.setInterrupt(func() { cancel(ErrInterrupted) })
	s.forgetUntouched()
	saved := s.saveCandidate()
	defer func() {
		if r := recover(); r != nil {
			log(s.opts.System, fmt.Sprintf("fault in the command %s: %v\n%s", cmd.Name, r, debug.Stack()))
			err = Fail("Error: %s failed by a fault of its own; system_logs says more.", cmd.Name)
		}
		if context.Cause(ctx) == ErrInterrupted && s.keys != nil {
			s.keys.pasting = false // its end was dropped with what was typed before
		}
		if context.Cause(ctx) == ErrInterrupted && (err != nil || s.way == terminal) {
			err = s.showInterrupt(err)
		}
		if context.Cause(ctx) == errClosing && !errors.Is(err, ErrExit) {
			err = errClosing
		}
		if err != nil && !errors.Is(err, ErrEnough) && !errors.Is(err, ErrExit) {
			s.cand = saved
		}
		s.setInterrupt(nil)
		if s.heed != nil {
			s.heed()
			s.heed = nil
		}
		cancel(nil)
		s.ctx, s.end, s.command = outer, outerEnd, nil
	}()
	s.beginReply(cmd)
	return s.endReply(cmd.Run(ctx, s, args))
}

// showInterrupt shows the Ctrl-C that came while no question waited. A command that had finished by then has succeeded.
func (s *Session) showInterrupt(err error) error {
	s.markInterrupt()
	if err == nil {
		return nil
	}
	return ErrInterrupted
}

// markInterrupt shows, once, at a terminal that the command in progress is interrupted, if it is.
func (s *Session) markInterrupt() {
	if s.way == terminal && !s.marked && context.Cause(s.ctx) == ErrInterrupted {
		s.say("^C")
		s.marked = true
	}
}

// forgetUntouched drops a candidate in which nothing was edited, so that a command looks at what is in force now.
func (s *Session) forgetUntouched() {
	if s.cand != nil && len(s.cand.Changes()) == 0 {
		s.cand = nil
	}
}

// saveCandidate returns a candidate to go back to.
func (s *Session) saveCandidate() *config.Candidate {
	if s.cand == nil {
		return nil
	}
	return s.cand.Clone()
}

// setInterrupt says what Ctrl-C does while no question waits.
func (s *Session) setInterrupt(f func()) {
	s.mu.Lock()
	s.cancel = f
	s.mu.Unlock()
	if s.typed != nil {
		s.typed.busy(f)
	}
}

// interrupt ends the command in progress, as Ctrl-C does.
func (s *Session) interrupt() {
	s.mu.Lock()
	f := s.cancel
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// pages says whether output stops at the end of a page.
func (s *Session) pages() bool { return !s.unpaged }

// readLine reads one line. While it waits, Ctrl-C belongs to the editor, and the limit for answers or idling runs.
func (s *Session) readLine(ctx context.Context, p prompt) (string, error) {
	read := func(ctx context.Context) (string, error) { return s.in.line(ctx, p) }
	line, err := s.reading(ctx, read)
	if s.ended && err == nil && strings.TrimSpace(line) == blockEnd {
		line, err = s.reading(ctx, read)
	}
	s.ended = false
	return line, err
}

// reading waits for input as long as the session's way permits.
func (s *Session) reading(ctx context.Context, read func(context.Context) (string, error)) (string, error) {
	defer s.waiting()()
	limit, cause := s.opts.idle(), errIdle
	if s.way == exec {
		limit, cause = s.opts.answerLimit(), errTimeout
	}
	ctx, stop := s.limited(ctx, limit, cause)
	defer stop()
	line, err := read(ctx)
	s.live.active(s.opts.now())
	return line, err
}

// limited is a context in which to wait for input: it ends with cause after the limit, and when the appliance stops.
func (s *Session) limited(ctx context.Context, limit time.Duration, cause error) (context.Context, func()) {
	ctx, stop := context.WithTimeoutCause(ctx, limit, cause)
	if s.opts.stopping == nil {
		return ctx, stop
	}
	ctx, end := context.WithCancelCause(ctx)
	heed := context.AfterFunc(s.opts.stopping, func() { end(errClosing) })
	return ctx, func() { heed(); end(nil); stop() }
}

// waiting says that input is waited for now; the function that it returns says that the command goes on.
func (s *Session) waiting() (over func()) {
	if s.typed == nil {
		return func() {}
	}
	s.typed.busy(nil)
	return func() {
		s.mu.Lock()
		f := s.cancel
		s.mu.Unlock()
		s.typed.busy(f)
	}
}

// pageKey waits for a key at the end of a page.
func (s *Session) pageKey() (rune, error) {
	defer s.waiting()()
	ctx, stop := s.limited(s.ctx, s.opts.idle(), errIdle)
	defer stop()
	for {
		if s.ctx.Err() != nil {
			return 0, ErrInterrupted
		}
		if s.keys.pasting && string(s.typed.head(ctx, len(pasteEnd))) != pasteEnd {
			return ' ', nil // what follows was pasted for the next prompt
		}
		k, err := s.keys.read(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return 0, err
		case errors.Is(err, errClosing) && s.end != nil:
			s.end(err)
			return 0, ErrInterrupted
		case err != nil, k.kind == keyControl && k.r == ctrlC:
			s.interrupt()
			return 0, ErrInterrupted
		case k.kind == keyRune:
			return k.r, nil
		case k.kind != keyResize && k.kind != keyUnknown && k.kind != keyPasteBegin && k.kind != keyPasteEnd:
			return ' ', nil
		}
	}
}

// dropPaste passes over the rest of what is being pasted. Its lines were meant to follow an answer that is not taken, and as
// answers to other questions, or as commands, would do harm.
func (s *Session) dropPaste() error {
	if s.keys == nil || !s.keys.pasting {
		return nil
	}
	defer s.waiting()()
	ctx, stop := s.limited(s.ctx, s.opts.idle(), errIdle)
	defer stop()
	dropped := false
	for s.keys.pasting {
		k, err := s.keys.read(ctx)
		switch {
		case err != nil:
			return s.unanswered(err, "", "")
		case k.kind == keyControl && k.r == ctrlC:
			s.keys.pasting = false
			return ErrInterrupted
		}
		dropped = dropped || k.kind != keyPasteEnd && k.kind != keyResize
	}
	if dropped {
		s.say("The rest of what was pasted is not used.")
	}
	return nil
}

// audit writes what was entered to cli_logs.
func (s *Session) audit(what string) {
	log(s.opts.Audit, fmt.Sprintf("Session %d: User %s from %s entered %s", s.live.number(), s.id.user, s.id.remote, what))
}

func (s *Session) auditResult(cmd *Command, err error) {
	result := "ok"
	switch {
	case errors.Is(err, ErrInterrupted), errors.Is(err, errClosing):
		result = "interrupted"
	case errors.Is(err, errRefused):
		result = "refused"
	case err != nil && !errors.Is(err, ErrEnough) && !errors.Is(err, ErrExit):
		result = "failed"
	}
	log(s.opts.Audit, fmt.Sprintf("Session %d: '%s' ended: %s", s.live.number(), cmd.Name, result))
}

// auditLine is the command line without secrets, in a form that could be typed again.
func (c *Command) auditLine(args []string) string {
	args = c.redacted(args)
	words := []string{c.Name}
	for _, a := range args {
		words = append(words, quoteWord(a))
	}
	return strings.Join(words, " ")
}

// redacted is args without secrets. Redact is not shown --json, which may stand anywhere and would move the other words.
func (c *Command) redacted(args []string) []string {
	if c.Redact == nil {
		return args
	}
	out := c.Redact(slices.DeleteFunc(slices.Clone(args), isOptionJSON))
	for i, word := range args {
		if isOptionJSON(word) {
			out = slices.Insert(out, min(i, len(out)), word)
		}
	}
	return out
}

// quoteWord writes a word so that the splitter reads it as the same word.
func quoteWord(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\";|\\") {
		return w
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
}

// harmless says that a line can be kept in a history on disk: it is understood, and no word of it is a secret.
func (s *Session) harmless(line string) bool {
	list, err := parseLine(line)
	if err != nil {
		return false
	}
	for _, st := range list {
		cmd, err := s.opts.lookup(st.words[0])
		if err != nil || !slices.Equal(cmd.redacted(st.words[1:]), st.words[1:]) {
			return false
		}
	}
	return true
}
