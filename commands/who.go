package commands

import (
	"context"
	"strings"
	"time"

	"posthouse/shell"
)

func who(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "who",
		Summary: "Show who is logged in.",
		Roles:   shell.Everyone,
		Batch:   []string{"who"},
		JSON:    true,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("who", args); err != nil {
				return err
			}
			sessions := s.Sessions()
			if s.JSON {
				return s.PrintJSON(struct {
					Sessions []loginJSON `json:"sessions"`
				}{loginsJSON(sessions)})
			}
			table := shell.Table{Head: []string{"Username", "Login Time", "Idle Time", "Remote Host", "What"}, Rule: "="}
			for _, l := range sessions {
				table.Rows = append(table.Rows, []string{l.User, loginTime(l.Login), compact(l.Idle), l.Remote, l.What})
			}
			s.Table(table)
			return nil
		},
	}
}

// loginTime is the time of day of a login of the last day, and the date of an older one.
func loginTime(t time.Time) string {
	if time.Since(t) < 24*time.Hour {
		return t.Format("03:04PM")
	}
	return t.Format("02Jan06")
}

type loginJSON struct {
	User        string    `json:"user"`
	Login       time.Time `json:"login_time"`
	IdleSeconds int64     `json:"idle_seconds"`
	Remote      string    `json:"remote_host"`
	What        string    `json:"what"`
}

func loginsJSON(sessions []shell.SessionInfo) []loginJSON {
	list := []loginJSON{}
	for _, l := range sessions {
		list = append(list, loginJSON{l.User, l.Login, int64(l.Idle / time.Second), l.Remote, l.What})
	}
	return list
}

func whoAmI(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "whoami",
		Summary: "Show who you are.",
		Roles:   shell.Everyone,
		Batch:   []string{"whoami"},
		JSON:    true,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("whoami", args); err != nil {
				return err
			}
			name, groups := "", []string{}
			if user := a.Config.Running().Config.Users[s.User()]; user != nil {
				name, groups = user.FullName, groupsOf(user.Role)
			}
			if s.JSON {
				return s.PrintJSON(struct {
					User     string   `json:"user"`
					FullName string   `json:"full_name"`
					Groups   []string `json:"groups"`
				}{s.User(), name, groups})
			}
			s.Printf("Username:   %s\nFull Name:  %s\nGroups:     %s\n", s.User(), name, strings.Join(groups, ", "))
			return nil
		},
	}
}

// groupsOf is the groups that a role stands for.
func groupsOf(role string) []string {
	if role == "admin" {
		return []string{"admin", "operators", "config", "log", "guest"}
	}
	return []string{role}
}
