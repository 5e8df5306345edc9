package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/shell"
)

func findEvent(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "findevent",
		Summary:  "Find messages in a mail log and show everything that happened to one.",
		Roles:    shell.Readers | shell.HelpDesk,
		RolesFor: logRoles(a),
		Batch: []string{
			"findevent [-i] -f ADDRESS|-t ADDRESS|-s SUBJECT|-m MID|-x CAUSE|--status delivered|bounced|delayed|dropped|clear [--since TIME] [--until TIME] LOG",
		},
		Help: `Searches every file of the log. One match is shown with every line that belongs to it, in and out, from
connection to completion; several are listed, and "findevent -m MID LOG" shows one of them.

-f  the envelope sender holds ADDRESS            -t  an envelope recipient does
-s  the subject holds SUBJECT                    -m  the number of a message, or a part of its Message-ID
-x  a cause such as V2, or a part of the text of a TLS failure, on a connection that brought or took the message;
    connections that failed before there was a message are found as well
-i  upper and lower case are the same
Several options together find what fulfils them all. clear: delivered without TLS.
TIME is 2026-05-23, "2026-05-23 11:42", an RFC 3339 time, or a span back from now such as 90s, 15m, 2h or 3d.`,
		Documents: []shell.Document{
			{For: "findevent", Value: findEventJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			f := &finding{s: s}
			if len(args) > 0 {
				if err := f.words(a, args, time.Now()); err != nil {
					return err
				}
				return f.report(ctx)
			}
			return f.dialogue(ctx, a)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 && args[len(args)-2] == "--status" {
				return startingWith(args, statusWords())
			}
			if len(args) < 2 {
				return nil
			}
			return startingWith(args, logNames(a))
		},
	}
}

// finding is one run of findevent.
type finding struct {
	s      *shell.Session
	log    *eventlog.Log
	search maillog.Search
	asked  bool // something is looked for
}

func statusWords() []string {
	var words []string
	for _, status := range []maillog.Status{maillog.StatusDelivered, maillog.StatusBounced, maillog.StatusDelayed, maillog.StatusDropped, maillog.StatusClear} {
		words = append(words, string(status))
	}
	return words
}

// words reads the batch form.
func (f *finding) words(a *Appliance, args []string, now time.Time) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-i" {
			f.search.Fold = true
			args = args[1:]
			continue
		}
		if len(args) == 1 {
			return shell.Usage("Invalid command: %s needs a value.", args[0])
		}
		if err := f.option(args[0], args[1], now); err != nil {
			return err
		}
		args = args[2:]
	}
	switch {
	case !f.asked:
		return shell.Usage("Invalid command: one of -f, -t, -s, -m, -x, --status is needed.")
	case len(args) != 1:
		return shell.Usage("Invalid command: the name of a log is needed at the end, and what holds blanks stands in double quotes.")
	}
	var err error
	f.log, err = logNamed(a, args[0])
	return err
}

func (f *finding) option(option, value string, now time.Time) (err error) {
	switch option {
	case "--since":
		f.search.Since, err = moment(value, now)
		return err
	case "--until":
		f.search.Until, err = moment(value, now)
		return err
	case "--status":
		var word string
		word, err = oneOf("status", value, statusWords()...)
		f.search.Status = maillog.Status(word)
	case "-f":
		f.search.From, err = term(value)
	case "-t":
		f.search.To, err = term(value)
	case "-s":
		f.search.Subject, err = term(value)
	case "-m":
		err = f.message(value)
	case "-x":
		err = f.cause(value)
	default:
		return shell.Usage("Invalid option %q: accepted are -f, -i, -m, -s, -t, -x, --since, --status, --until.", option)
	}
	f.asked = true
	return err
}

// term is a text that is looked for; looking for nothing would find everything.
func term(value string) (string, error) {
	if strings.TrimSpace(value) == "" {
		return "", shell.Fail("Invalid search term %q: something must be looked for.", value)
	}
	return value, nil
}

// message reads the number of a message, or a part of a Message-ID.
func (f *finding) message(value string) (err error) {
	if n, numeric := strconv.ParseUint(value, 10, 64); numeric == nil && n > 0 {
		f.search.MID = n
		return nil
	}
	f.search.MessageID, err = term(value)
	return err
}

// cause reads an id of the catalogue in any case, or a part of a failure's text.
func (f *finding) cause(value string) (err error) {
	if c, ok := cause.Lookup(cause.ID(strings.ToUpper(strings.TrimSpace(value)))); ok {
		f.search.Cause = c.ID
		return nil
	}
	f.search.Failure, err = term(value)
	return err
}

// report is the batch form's output.
func (f *finding) report(ctx context.Context) error {
	found, more, err := maillog.Find(ctx, f.log, f.search)
	if err != nil {
		return err
	}
	switch {
	case f.s.JSON:
		return f.document(ctx, found, more)
	case len(found) == 0:
		f.s.Say("%s", nothingFound)
		return nil
	case len(found) == 1 && more == 0:
		return f.lines(ctx, found[0])
	}
	f.s.Say("The following matching message IDs were found:")
	f.s.Print(numbered(resultLines(found)))
	f.leftOut(more)
	return nil
}

const nothingFound = "No results were found. Use another search term, log or time range."

func (f *finding) leftOut(more int) {
	if more > 0 {
		f.s.Say("%d older ones are left out; narrow the time range to see them.", more)
	}
}

// lines prints everything that belongs to one result.
func (f *finding) lines(ctx context.Context, of maillog.Found) error {
	return maillog.Lines(ctx, f.log, of, func(line string) error {
		_, err := fmt.Fprintln(f.s, line)
		return err
	})
}

func resultLines(found []maillog.Found) []string {
	lines := make([]string, len(found))
	for i, r := range found {
		lines[i] = resultLine(r)
	}
	return lines
}

// resultLine is one result as the list shows it.
func resultLine(r maillog.Found) string {
	at := r.At.Format(time.ANSIC)
	if r.MID == 0 {
		return fmt.Sprintf("%s (%s) %s %v", connectionName(r), at, r.Peer, r.Causes)
	}
	to := strings.Join(r.To, ", ")
	if r.Recipients > len(r.To) {
		to += fmt.Sprintf(" and %d more", r.Recipients-len(r.To))
	}
	return fmt.Sprintf("MID %d (%s) <%s> to <%s> %s", r.MID, at, r.From, to, r.Subject)
}

func connectionName(r maillog.Found) string {
	if r.ICID != 0 {
		return fmt.Sprintf("ICID %d", r.ICID)
	}
	return fmt.Sprintf("DCID %d", r.DCID)
}
