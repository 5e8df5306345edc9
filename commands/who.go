package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/internal/localtime"
	"posthouse/shell"
)

func who(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "who",
		Summary: "Show who is logged in.",
		Roles:   shell.Everyone,
		Batch:   []string{"who"},
		Help: `Below the table stands who has changed something and not committed it, and what, for whoever may see the configuration.
A session's changes are listed once the command that made them has ended.`,
		Documents: []shell.Document{{For: "who", Value: whoDocument{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("who", args); err != nil {
				return err
			}
			sessions := s.Sessions()
			if !s.MayRun("showchanges") { // the names of objects are the configuration's
				for i := range sessions {
					sessions[i].Changes, sessions[i].Objects = 0, nil
				}
			}
			if s.JSON {
				return s.PrintJSON(whoDocument{loginsJSON(sessions)})
			}
			table := shell.Table{Head: []string{"Username", "Login Time", "Idle Time", "Remote Host", "What"}, Rule: "="}
			for _, l := range sessions {
				table.Rows = append(table.Rows, []string{l.User, loginTime(l.Login), compact(l.Idle), l.Remote, l.What})
			}
			s.Table(table)
			printUncommitted(s, sessions)
			return nil
		},
	}
}

// objectsShown is how many objects of a session who names.
const objectsShown = 8

// printUncommitted says who has changed something and not committed it.
func printUncommitted(s *shell.Session, sessions []shell.SessionInfo) {
	for i, line := range unfinished(sessions) {
		if i == 0 {
			s.Println()
		}
		s.Println(line)
	}
}

// unfinished has a line for each session that would lose something.
func unfinished(sessions []shell.SessionInfo) (lines []string) {
	for _, l := range sessions {
		if l.Changes == 0 {
			continue
		}
		named := strings.Join(l.Objects[:min(objectsShown, len(l.Objects))], ", ")
		if more := len(l.Objects) - objectsShown; more > 0 {
			named += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, fmt.Sprintf("%s from %s has %s: %s", l.User, l.Remote, uncommittedCount(l.Changes), named))
	}
	return lines
}

func uncommittedCount(n int) string {
	if n == 1 {
		return "1 uncommitted change"
	}
	return fmt.Sprintf("%d uncommitted changes", n)
}

// loginTime is the time of day of a login of the last day, and the date of an older one.
func loginTime(t time.Time) string {
	if time.Since(t) < 24*time.Hour {
		return localtime.In(t).Format("03:04PM")
	}
	return localtime.In(t).Format("02Jan06")
}

type whoDocument struct {
	Sessions []loginJSON `json:"sessions" doc:"the oldest first"`
}

type loginJSON struct {
	User        string    `json:"user" doc:"the account"`
	Login       time.Time `json:"login_time" doc:"when"`
	IdleSeconds int64     `json:"idle_seconds" doc:"since the last input"`
	Remote      string    `json:"remote_host" doc:"an address, or console"`
	What        string    `json:"what" doc:"cli"`
	Changes     int       `json:"uncommitted_changes" doc:"settings that were changed and not committed"`
	Objects     []string  `json:"uncommitted_objects" doc:"the objects that they belong to"`
}

func loginsJSON(sessions []shell.SessionInfo) []loginJSON {
	list := []loginJSON{}
	for _, l := range sessions {
		list = append(list, loginJSON{l.User, l.Login, int64(l.Idle / time.Second), l.Remote, l.What, l.Changes, append([]string{}, l.Objects...)})
	}
	return list
}

func whoAmI(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "whoami",
		Summary:   "Show who you are.",
		Roles:     shell.Everyone,
		Batch:     []string{"whoami"},
		Documents: []shell.Document{{For: "whoami", Value: whoAmIDocument{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("whoami", args); err != nil {
				return err
			}
			name, groups := "", []string{}
			if user := a.Config.Running().Config.Users[s.User()]; user != nil {
				name, groups = user.FullName, groupsOf(user.Role)
			}
			if s.JSON {
				return s.PrintJSON(whoAmIDocument{s.User(), name, groups})
			}
			s.Printf("Username:   %s\nFull Name:  %s\nGroups:     %s\n", s.User(), name, strings.Join(groups, ", "))
			return nil
		},
	}
}

type whoAmIDocument struct {
	User     string   `json:"user" doc:"the account"`
	FullName string   `json:"full_name" doc:"as userconfig has it"`
	Groups   []string `json:"groups" doc:"what the role stands for"`
}

// groupsOf is the groups that a role stands for.
func groupsOf(role string) []string {
	if role == "admin" {
		return []string{"admin", "operators", "config", "log", "guest"}
	}
	return []string{role}
}
