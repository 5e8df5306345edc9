package commands

import (
	"context"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/shell"
)

// searches are in the order of the question.
var searches = [...]struct{ title, question, option string }{
	{"Search by envelope FROM", "Enter the envelope FROM address, or a part of it, to search for.", "-f"},
	{"Search by Message ID", "Enter the Message ID (MID), or a part of the Message-ID header, to search for.", "-m"},
	{"Search by Subject", "Enter the subject, or a part of it, to search for.", "-s"},
	{"Search by envelope TO", "Enter the envelope TO address, or a part of it, to search for.", "-t"},
	{"Search by connection or TLS failure cause", "Enter the cause, such as V2, or a part of the failure's text, to search for.", "-x"},
}

// dialogue asks for the search, then for one of the results. Upper and lower case are the same in it.
func (f *finding) dialogue(ctx context.Context, a *Appliance) error {
	if err := f.ask(a); err != nil {
		return err
	}
	if f.s.JSON {
		return f.report(ctx)
	}
	found, more, err := maillog.Find(ctx, f.log, f.search)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		f.s.Say("%s", nothingFound)
		return nil
	}
	f.leftOut(more)
	n, err := f.s.Choose("The following matching message IDs were found. Please choose one to show additional log information:", resultLines(found), 1)
	if err != nil {
		return err
	}
	return f.lines(ctx, found[n-1])
}

func (f *finding) ask(a *Appliance) error {
	var titles []string
	for _, search := range searches {
		titles = append(titles, search.title)
	}
	n, err := f.s.Choose("Please choose which type of search you want to perform:", titles, 1)
	if err != nil {
		return err
	}
	search := searches[n-1]
	f.search.Fold = true
	value, err := f.s.Ask(shell.Question{Text: search.question, Required: true})
	if err != nil {
		return err
	}
	if err := f.option(search.option, value, time.Now()); err != nil {
		return err
	}
	if f.log, err = askLog(a, f.s, "Enter the number of the log you wish to search."); err != nil {
		return err
	}
	if f.search.Since, err = f.askMoment("Enter the beginning of the time range, such as 2026-05-23 11:42, 2h or 3d (empty: the whole log)."); err != nil {
		return err
	}
	f.search.Until, err = f.askMoment("Enter the end of the time range (empty: now).")
	return err
}

func (f *finding) askMoment(question string) (time.Time, error) {
	answer, err := f.s.Ask(shell.Question{
		Text:  question,
		Check: func(answer string) error { _, err := moment(answer, time.Now()); return err },
	})
	if err != nil || answer == "" {
		return time.Time{}, err
	}
	return moment(answer, time.Now())
}

// foundJSON is one result for programs; MID is 0 where a connection failed before there was a message.
type foundJSON struct {
	MID        uint64           `json:"mid" doc:"0: a connection that failed before there was a message"`
	ICID       uint64           `json:"icid,omitempty" doc:"injection connection ID"`
	DCID       uint64           `json:"dcid,omitempty" doc:"delivery connection ID"`
	Time       time.Time        `json:"time" doc:"of its first line"`
	From       string           `json:"from" doc:"the envelope sender"`
	To         []string         `json:"to" doc:"envelope recipients, the first ones"`
	Recipients int              `json:"recipients" doc:"how many"`
	Subject    string           `json:"subject" doc:"as the header has it"`
	Statuses   []maillog.Status `json:"statuses" doc:"delivered, bounced, delayed, dropped, clear"`
	Causes     []cause.ID       `json:"causes,omitempty" doc:"ids of the catalogue"`
	Peer       string           `json:"peer,omitempty" doc:"of such a connection"`
}

// eventJSON is one line for programs.
type eventJSON struct {
	Time  time.Time `json:"time" doc:"when"`
	Level string    `json:"level" doc:"Info, Warning and so on"`
	Text  string    `json:"text" doc:"the rest of the line"`
}

// findEventJSON is what findevent prints for programs.
type findEventJSON struct {
	Log     string      `json:"log" doc:"its name"`
	Matches []foundJSON `json:"matches" doc:"messages, or connections that failed before there was one"`
	LeftOut int         `json:"left_out" doc:"matches beyond those that are shown"`
	Lines   []eventJSON `json:"lines,omitempty" doc:"every line about the only match"`
}

// document prints the results, and the lines where there is only one.
func (f *finding) document(ctx context.Context, found []maillog.Found, more int) error {
	document := findEventJSON{Log: f.log.Name(), Matches: []foundJSON{}, LeftOut: more}
	for _, r := range found {
		document.Matches = append(document.Matches, foundJSON{r.MID, r.ICID, r.DCID, r.At, r.From, append([]string{}, r.To...), r.Recipients,
			r.Subject, append([]maillog.Status{}, r.Statuses...), r.Causes, r.Peer})
	}
	if len(found) != 1 || more > 0 {
		return f.s.PrintJSON(document)
	}
	err := maillog.Lines(ctx, f.log, found[0], func(line string) error {
		if e, ok := maillog.ParseLine(line); ok {
			document.Lines = append(document.Lines, eventJSON{e.Time, e.Level, e.Text})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.s.PrintJSON(document)
}
