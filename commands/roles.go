package commands

import (
	"strings"

	"posthouse/shell"
)

// rolesBut is who may run a command whose forms differ: everyone of roles, but for the forms named only those of others.
// A form is the words behind the command, "*" is any word. A typed word counts for every word that it begins, as it may be
// read so.
func rolesBut(roles, others shell.Roles, forms ...string) func(args []string) shell.Roles {
	return func(args []string) shell.Roles {
		for _, form := range forms {
			if isForm(args, strings.Fields(form)) {
				return others
			}
		}
		return roles
	}
}

func isForm(args, form []string) bool {
	if len(args) < len(form) {
		return false
	}
	for i, word := range form {
		if word != "*" && !fits(args[i], word) {
			return false
		}
	}
	return true
}

// mailLog is the log that help desks look into, by name and by type.
const (
	mailLog     = "mail_logs"
	mailLogType = "Text Mail Logs"
)

// logRoles is who may read the log that stands last: help desks the mail logs only. Without a word the log is asked for,
// and what is answered is judged then.
func logRoles(a *Appliance) func(args []string) shell.Roles {
	return func(args []string) shell.Roles {
		if len(args) == 0 {
			return shell.Readers | shell.HelpDesk
		}
		last := args[len(args)-1]
		if l, err := logNamed(a, last); strings.EqualFold(last, mailLog) || err == nil && l.Type() == mailLogType {
			return shell.Readers | shell.HelpDesk
		}
		return shell.Readers
	}
}
