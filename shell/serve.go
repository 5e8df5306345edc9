package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// attach gives a session without a terminal its input and output.
func (s *Session) attach(out, err io.Writer, prompts bool) {
	s.scr = &screen{w: out, guard: prompts}
	s.err = err
	s.stdout = s.scr
	s.typed = newTypeahead(false)
	s.in = &piped{typed: s.typed, scr: s.scr, prompts: prompts}
}

// attachTerminal gives a session its terminal. An exec request with one pages and takes Ctrl-C, but has no prompts.
func (s *Session) attachTerminal(out, err io.Writer, h *history) {
	s.scr = &screen{w: out, crlf: true, guard: s.way == terminal, key: s.pageKey}
	s.err = crlfWriter{err}
	s.stdout = s.scr
	s.typed = newTypeahead(true)
	s.keys = &keyReader{typed: s.typed}
	if s.way == terminal {
		s.in = &editor{keys: s.keys, scr: s.scr, history: h}
	} else {
		s.in = &piped{typed: s.typed, scr: s.scr}
	}
}

// crlfWriter ends lines as a terminal wants them.
type crlfWriter struct{ w io.Writer }

func (c crlfWriter) Write(b []byte) (int, error) {
	_, err := c.w.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	return len(b), err
}

// banner greets an operator.
func (s *Session) banner(last string) {
	s.scr.fresh()
	io.WriteString(s.scr, s.broken(fmt.Sprintf("Last login: %s\nPosthouse %s for P100V build %s\n\nWelcome to the Posthouse P100V Email Gateway\n\n"+
		"NOTE: This session will expire if left idle for %s. Any uncommitted\nconfiguration changes will be lost when the session expires.\n",
		last, s.opts.Version, s.opts.Build, spoken(s.opts.idle()))))
	if snap := s.opts.Config.Running(); snap != nil && snap.Config != nil && len(snap.Config.Shell.Welcome) > 0 {
		fmt.Fprintf(s.scr, "\n%s\n", strings.Join(snap.Config.Shell.Welcome, "\n"))
	}
}

// runExec does the command line of an exec request and returns the exit status.
func (s *Session) runExec(ctx context.Context, line string) int {
	end := s.runLine(ctx, line)
	return s.finish(end)
}

// interact reads commands until the session ends and returns the exit status.
func (s *Session) interact(ctx context.Context) int {
	if err := s.greet(ctx); err != nil {
		return s.finish(err)
	}
	for {
		line, err := s.readCommand(ctx)
		if err == nil {
			err = s.runLine(ctx, line)
		}
		if err != nil {
			return s.finish(err)
		}
	}
}

// greet does what has to be done before the first prompt of a terminal.
func (s *Session) greet(ctx context.Context) error {
	if s.opts.Greet == nil || s.way != terminal {
		return nil
	}
	err := s.execute(ctx, &Command{Name: "login", Run: func(ctx context.Context, s *Session, _ []string) error {
		return s.opts.Greet(ctx, s)
	}}, nil)
	if err == nil || errors.Is(err, ErrExit) || errors.Is(err, errGone) || errors.Is(err, errIdle) || errors.Is(err, errClosing) {
		return err
	}
	s.scr.fresh()
	s.sayError(message(err))
	return ErrExit
}

// readCommand shows the main prompt and reads a line. A line that cannot be taken is a failed command.
func (s *Session) readCommand(ctx context.Context) (string, error) {
	s.scr.fresh()
	s.scr.raw("\n")
	line, err := s.readLine(ctx, prompt{text: s.Hostname() + "> ", history: true, complete: s.completeMain})
	var f *failure
	switch {
	case errors.As(err, &f):
		return "", s.report(err)
	case errors.Is(err, errLeave):
		return "exit", nil
	case errors.Is(err, ErrInterrupted):
		return "", nil
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return "", errGone
	}
	return line, err
}

// finish says what is lost and why, and returns the exit status.
func (s *Session) finish(end error) int {
	switch {
	case errors.Is(end, errIdle):
		log(s.opts.Audit, fmt.Sprintf("Session %d: nothing was entered for %s by the user %s; the session ends", s.live.number(), spoken(s.opts.idle()), s.id.user))
		s.sayError(fmt.Sprintf("Error: nothing was entered for %s; the session ends.", spoken(s.opts.idle())))
		s.note(statusFailed)
	case errors.Is(end, errClosing):
		s.sayError("Error: the appliance is stopping; the session ends.")
		s.note(statusFailed)
	}
	n := len(s.Changes())
	if n == 0 {
		return s.exitStatus()
	}
	log(s.opts.Audit, fmt.Sprintf("Session %d: %s of user %s not committed and discarded", s.live.number(), plural(n, "change"), s.id.user))
	if s.way != terminal {
		s.scr.fresh()
		io.WriteString(s.err, fmt.Sprintf("Error: what was changed and not committed is discarded: %s.\n", plural(n, "change")))
		s.note(statusFailed)
	}
	return s.exitStatus()
}

// exitStatus is 0 for a terminal that was left in peace, whatever its commands did.
func (s *Session) exitStatus() int {
	if s.way == terminal {
		return statusOK
	}
	return s.status
}

// spoken writes a duration, in minutes where that is exact.
func spoken(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return plural(int(d/time.Minute), "minute")
	}
	return d.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
