package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/internal/localtime"
	"posthouse/shell"
)

const lastMost = 1000

func last(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "last",
		Summary: "Show who was logged in.",
		Batch:   []string{"last [NUMBER]"},
		Help: `The newest logins stand first. Only sessions at a terminal and scripts are logins; an exec request is in cli_logs. The last
1000 are remembered, over restarts; "gone" is a session that was open when the service ended without a shutdown.`,
		Documents: []shell.Document{{For: "last", Value: lastJSON{}}},
		Roles:     shell.Readers,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			most := lastMost
			if len(args) > 0 {
				var err error
				if most, err = number("number", args[0], 1, lastMost); err != nil {
					return err
				}
				if err := noWords("last NUMBER", args[1:]); err != nil {
					return err
				}
			}
			logins := s.Logins()
			return printLast(s, logins[:min(most, len(logins))])
		},
	}
}

// lastJSON is what last prints for programs.
type lastJSON struct {
	Logins []pastLoginJSON `json:"logins" doc:"the newest first"`
}

type pastLoginJSON struct {
	User          string    `json:"user" doc:"the account"`
	Remote        string    `json:"remote_host" doc:"an address, or console"`
	Login         time.Time `json:"login_time" doc:"when it began"`
	Logout        time.Time `json:"logout_time,omitzero" doc:"when it ended, where that is known"`
	StillLoggedIn bool      `json:"still_logged_in" doc:"it goes on"`
	TotalSeconds  int64     `json:"total_seconds" doc:"0 where the end is not known"`
}

func printLast(s *shell.Session, logins []shell.LoginInfo) error {
	now := time.Now()
	document := lastJSON{Logins: []pastLoginJSON{}}
	table := shell.Table{Head: []string{"Username", "Remote Host", "Login Time", "Logout Time", "Total Time"}, Rule: "=", Min: []int{0, 11, 16, 16, 0}}
	for _, l := range logins {
		total := l.Logout.Sub(l.Login)
		row := []string{l.User, l.Remote, localtime.In(l.Login).Format(lastLayout), localtime.In(l.Logout).Format(lastLayout), minutes(total)}
		switch {
		case l.Lost:
			total, row[3], row[4] = 0, "gone", ""
		case l.Logout.IsZero():
			total = now.Sub(l.Login)
			row[3], row[4] = "still logged in", minutes(total)
		}
		table.Rows = append(table.Rows, row)
		document.Logins = append(document.Logins, pastLoginJSON{l.User, l.Remote, l.Login, l.Logout, l.Logout.IsZero() && !l.Lost, int64(total / time.Second)})
	}
	if s.JSON {
		return s.PrintJSON(document)
	}
	s.Table(table)
	return nil
}

const lastLayout = "Mon Jan 02 15:04"

// minutes writes how long a session lasted, to the minute.
func minutes(d time.Duration) string {
	m := int(d / time.Minute)
	switch {
	case m < 60:
		return fmt.Sprintf("%dm", m)
	case m < 24*60:
		return fmt.Sprintf("%dh %dm", m/60, m%60)
	}
	return fmt.Sprintf("%dd %dh %dm", m/(24*60), m/60%24, m%60)
}
