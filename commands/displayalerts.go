package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/internal/localtime"
	"posthouse/mta/alert"
	"posthouse/shell"
)

// AlertSource is where displayalerts reads; *alert.Alerts is one.
type AlertSource interface {
	Last(n int) []alert.Entry // the newest first
}

const (
	alertsShown = 20
	alertsMost  = 500
	alertStamp  = "02 Jan 2006 15:04:05 -0700"
)

func displayAlerts(source AlertSource) *shell.Command {
	return &shell.Command{
		Name:    "displayalerts",
		Summary: "Show the last alerts.",
		Roles:   shell.Readers,
		Batch:   []string{"displayalerts [N]", "displayalerts [N] detail"},
		Help: `The newest is the first. N is how many are shown; 20 where it is not said, and 500 are kept. An alert is shown
whether or not somebody was told of it by mail; duplicates that were held back are counted. "detail" shows the whole
text and whom it went to.`,
		Documents: []shell.Document{
			{For: "displayalerts", Value: alertsDocument{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			n, detail, err := displayAlertsArguments(args)
			if err != nil {
				return err
			}
			list := source.Last(n)
			switch {
			case s.JSON:
				return s.PrintJSON(alertsJSON(list))
			case len(list) == 0:
				s.Say("There are no alerts.")
			case detail:
				printAlertTexts(s, list)
			default:
				printAlerts(s, list)
			}
			return nil
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, []string{"detail"}) },
	}
}

func displayAlertsArguments(args []string) (n int, detail bool, err error) {
	n = alertsShown
	if len(args) > 0 && abbreviated(args[len(args)-1], []string{"detail"}) == 0 {
		detail, args = true, args[:len(args)-1]
	}
	if len(args) > 1 {
		return 0, false, shell.Usage("Invalid word %q: displayalerts takes a number and detail.", args[1])
	}
	if len(args) == 1 {
		n, err = number("count", args[0], 1, alertsMost)
	}
	return n, detail, err
}

// printAlerts is one line an alert.
func printAlerts(s *shell.Session, list []alert.Entry) {
	table := shell.Table{Head: []string{"Date and Time Stamp", "Description"}, Min: []int{0, 50}, Free: true}
	for _, e := range list {
		table.Rows = append(table.Rows, []string{localtime.In(e.At).Format(alertStamp), alertLine(e) + repeatedWords(e)})
	}
	s.Table(table)
}

// alertLine is "Warning <System>: ..." on one line, whatever a peer has put into it.
func alertLine(e alert.Entry) string {
	return fmt.Sprintf("%s <%s>: %s", e.Severity, e.Class, printableLine(e.Subject))
}

func repeatedWords(e alert.Entry) string {
	switch e.Repeated {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" (once more, %s)", localtime.In(e.Last).Format(alertStamp))
	}
	return fmt.Sprintf(" (%d times more, last %s)", e.Repeated, localtime.In(e.Last).Format(alertStamp))
}

func printAlertTexts(s *shell.Session, list []alert.Entry) {
	for i, e := range list {
		if i > 0 {
			s.Println()
		}
		s.Printf("%s  %s%s\n\n", localtime.In(e.At).Format(alertStamp), alertLine(e), repeatedWords(e))
		for line := range strings.Lines(e.Text) {
			s.Println(strings.TrimRight("  "+printableLine(strings.TrimSuffix(line, "\n")), " "))
		}
		if len(e.Mailed) > 0 {
			s.Printf("\nSent to: %s\n", strings.Join(e.Mailed, ", "))
		} else {
			s.Say("\nSent to nobody.")
		}
	}
}

// printableLine leaves out what a terminal would act on.
func printableLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

type alertJSON struct {
	At         time.Time  `json:"at" doc:"when it was raised"`
	Class      string     `json:"class" doc:"what it is about"`
	Severity   string     `json:"severity" doc:"Critical, Warning or Information"`
	Subject    string     `json:"subject" doc:"one line"`
	Text       string     `json:"text" doc:"lines"`
	Cause      string     `json:"cause" doc:"an id of the catalogue; empty: none"`
	Domain     string     `json:"domain" doc:"empty: none"`
	SentTo     []string   `json:"sent_to" doc:"addresses"`
	Repeated   int        `json:"repeated" doc:"duplicates that were held back"`
	RepeatedAt *time.Time `json:"repeated_at" doc:"the last of them"`
}

type alertsDocument struct {
	Alerts []alertJSON `json:"alerts" doc:"the newest first"`
}

func alertsJSON(list []alert.Entry) alertsDocument {
	alerts := []alertJSON{}
	for _, e := range list {
		alerts = append(alerts, alertJSON{
			At: e.At, Class: e.Class, Severity: e.Severity, Subject: e.Subject, Text: e.Text, Cause: string(e.Cause),
			Domain: e.Domain, SentTo: append([]string{}, e.Mailed...), Repeated: e.Repeated, RepeatedAt: orNil(e.Last),
		})
	}
	return alertsDocument{alerts}
}
