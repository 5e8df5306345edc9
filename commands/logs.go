package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
	"posthouse/shell"
)

func logNames(a *Appliance) []string {
	logs := a.logs()
	names := make([]string, len(logs))
	for i, l := range logs {
		names[i] = l.Name()
	}
	return names
}

// logNamed is the log of that name, or of the only name that begins so.
func logNamed(a *Appliance, word string) (*eventlog.Log, error) {
	var fits []*eventlog.Log
	for _, l := range a.logs() {
		if strings.EqualFold(l.Name(), word) {
			return l, nil
		}
		if word != "" && strings.HasPrefix(l.Name(), strings.ToLower(word)) {
			fits = append(fits, l)
		}
	}
	if len(fits) != 1 {
		return nil, shell.Fail("Unknown log %q: %s.", word, acceptedAre(logNames(a)))
	}
	return fits[0], nil
}

// logLines are the logs as the lists have them.
func logLines(a *Appliance, logs []*eventlog.Log) []string {
	lines := make([]string, len(logs))
	for i, l := range logs {
		retrieval := "Manual Download"
		if status, ok := a.Logs.Status(l.Name()); ok {
			retrieval = retrievalOf(&status.Subscription)
		}
		lines[i] = fmt.Sprintf("%q Type: %q Retrieval: %s", l.Name(), l.Type(), retrieval)
	}
	return lines
}

// logs are the logs that there are now; none in a table that is only looked at.
func (a *Appliance) logs() []*eventlog.Log {
	if a.Logs == nil {
		return nil
	}
	return a.Logs.Current()
}

// askLog lists the logs and asks for one by number or name.
func askLog(a *Appliance, s *shell.Session, question string) (*eventlog.Log, error) {
	logs := a.logs()
	list := "Currently configured logs:\n" + numbered(logLines(a, logs))
	pick := func(answer string) (*eventlog.Log, error) {
		l, err := logAnswered(a, logs, answer)
		if err == nil {
			err = s.Permit(l.Name())
		}
		return l, err
	}
	answer, err := s.Ask(shell.Question{
		Text:     list + question,
		Required: true,
		Check:    func(answer string) error { _, err := pick(answer); return err },
		Complete: func() []string { return logNames(a) },
	})
	if err != nil {
		return nil, err
	}
	return pick(answer)
}

// logAnswered is the log that a number of the list, or a name, stands for.
func logAnswered(a *Appliance, logs []*eventlog.Log, answer string) (*eventlog.Log, error) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(logs) {
		return logs[n-1], nil
	}
	return logNamed(a, answer)
}

// momentLayouts are the forms of a time of day and year that moment reads, the log lines' own among them.
var momentLayouts = [...]string{
	time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly, time.ANSIC,
}

// moment reads a time in the local zone, or a span back from now: 90s, 15m, 2h, 3d.
func moment(word string, now time.Time) (time.Time, error) {
	now = localtime.Of(now)
	for _, layout := range momentLayouts {
		if t, err := time.ParseInLocation(layout, word, now.Location()); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(word, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if span, err := time.ParseDuration(word); err == nil && span >= 0 {
		return now.Add(-span), nil
	}
	return time.Time{}, shell.Fail("Invalid time %q: 2026-05-23, \"2026-05-23 11:42\" or a span such as 15m, 2h or 3d is accepted.", word)
}
