package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrInterrupted is what a question returns when the operator presses Ctrl-C; the command returns it unchanged.
	ErrInterrupted = errors.New("interrupted")
	// ErrExit, returned by a command, ends the session.
	ErrExit = errors.New("exit")
	// ErrEnough is what Session.Write returns when nobody wants more of the output, because the operator ended the
	// pager or a filter such as head is satisfied. A command that returns it has succeeded.
	ErrEnough = errors.New("no more output wanted")
)

// errGone says that the client has left; nothing can be asked or shown any more.
var errGone = errors.New("the client has left")

// failure is an error whose text is shown to the operator as it is.
type failure struct {
	text  string
	usage bool  // the line could not be understood: exit status 2
	forms bool  // the command's forms are to be shown
	tried bool  // too many wrong answers, or none came: a menu gives up too
	cause error // for errors.Is; may be nil

	stray    string   // a word that stands where none of its kind is accepted
	accepted []string // what is accepted in its place
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// failureWords are how every failure begins that an operator reads; scripts look for them.
var failureWords = []string{"Error:", "Invalid", "Failed to", "Unable to", "No such file", "Unknown"}

// Fail makes the error that a command returns when it cannot do what it was asked for. The text is shown as it is; one
// that does not begin with a failure word gets "Error: " in front. An error given with %w can be found by errors.Is.
func Fail(format string, args ...any) error {
	return newFailure(false, format, args)
}

// Usage is Fail for a line that could not be understood: an exec request then ends with status 2.
func Usage(format string, args ...any) error {
	return newFailure(true, format, args)
}

// Misformed is Usage for a command with too few words behind it, or too many: the shell puts the batch forms that the line
// begins behind the text, which ends without a full stop.
func Misformed(format string, args ...any) error {
	f := newFailure(true, format, args)
	f.forms = true
	return f
}

// withForms puts the forms that args begin behind the text of a failure made by Misformed: one form beside it, several
// below. Behind one made by Stray it puts what was probably meant.
func (c *Command) withForms(err error, args []string) error {
	f, ok := err.(*failure)
	switch {
	case ok && f.stray != "":
		return &failure{text: f.text + c.meant(f), usage: true}
	case !ok || !f.forms:
		return err
	}
	forms := c.nearest(args)
	switch len(forms) {
	case 0:
		return &failure{text: f.text + ".", usage: true}
	case 1:
		return &failure{text: f.text + ": " + forms[0], usage: true}
	}
	return &failure{text: f.text + ":\n  " + strings.Join(forms, "\n  "), usage: true}
}

func newFailure(usage bool, format string, args []any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{text: failureText(err.Error()), usage: usage, cause: errors.Unwrap(err)}
}

// failureText puts "Error: " in front of a text that does not begin with a failure word.
func failureText(text string) string {
	for _, w := range failureWords {
		if strings.HasPrefix(text, w) {
			return text
		}
	}
	return "Error: " + text
}

// message is the line that the operator reads for err; empty for what needs no words.
func message(err error) string {
	var f *failure
	switch {
	case errors.Is(err, errGone), errors.Is(err, ErrExit), errors.Is(err, ErrEnough):
		return ""
	case errors.As(err, &f):
		return f.text
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return "Error: interrupted."
	case errors.Is(err, context.DeadlineExceeded):
		return "Error: the time for this command has run out."
	}
	return failureText(err.Error())
}
