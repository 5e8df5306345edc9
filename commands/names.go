package commands

import (
	"maps"
	"slices"

	"posthouse/config"
	"posthouse/shell"
)

// Names lists what exists of a kind that the batch forms name in capitals, as the session's candidate has it: completion
// and ? propose it where a command says nothing of its own. NAME is whatever the command works on. Behind new nothing is
// proposed for it, since each that exists would be refused.
func Names(a *Appliance) func(s *shell.Session, command string, typed []string, kind string) []string {
	return func(s *shell.Session, command string, typed []string, kind string) []string {
		if kind == "NAME" {
			kind = nameOf[command]
		}
		if n := len(typed); n > 0 && fits(typed[n-1], "new") && kind == nameOf[command] {
			return nil
		}
		if command == "destconfig" && len(typed) == 1 && fits(typed[0], "delete") {
			return deletableDestinations(s.Candidate())
		}
		switch kind {
		case "FILE":
			return fileNames(a)
		case "LOG":
			return logNames(a)
		}
		return namesIn(s.Candidate(), kind)
	}
}

// nameOf is the kind that NAME has in a command's forms.
var nameOf = map[string]string{
	"destconfig":      "DOMAIN",
	"interfaceconfig": "INTERFACE",
	"listenerconfig":  "LISTENER",
	"certconfig":      "CERTIFICATE",
	"bounceconfig":    "PROFILE",
	"userconfig":      "USER",
	"logconfig":       "LOG",
	"rollovernow":     "LOG",
}

// namesIn are the names of the configuration's objects of a kind; nil for a kind that has none.
func namesIn(c *config.Config, kind string) []string {
	switch kind {
	case "INTERFACE":
		return slices.Sorted(maps.Keys(c.Interfaces))
	case "LISTENER":
		return slices.Sorted(maps.Keys(c.Listeners))
	case "DOMAIN", "DEST", "HOST":
		return slices.Sorted(maps.Keys(c.Destinations))
	case "CERTIFICATE", "CERT", "PROFILE_NAME":
		return slices.Sorted(maps.Keys(c.Certificates))
	case "PROFILE", "BOUNCE":
		return slices.Sorted(maps.Keys(c.Bounces))
	case "USER":
		return slices.Sorted(maps.Keys(c.Users))
	case "GROUP":
		return senderGroups(c)
	}
	return nil
}

// senderGroups are the names of every listener's sender groups.
func senderGroups(c *config.Config) []string {
	var list []string
	for _, l := range c.Listeners {
		for _, g := range l.HostAccess.Groups {
			if g.Name != "" { // an entry without one
				list = append(list, g.Name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
