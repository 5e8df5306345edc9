package docs

import (
	"os"
	"strings"
	"testing"

	"posthouse/commands"
	"posthouse/shell"
)

// roleColumns are the roles in the order of the table in roles.md.
var roleColumns = []shell.Roles{shell.Administrator, shell.Operator, shell.ReadOnly, shell.Guest, shell.Technician, shell.HelpDesk}

// TestRoles holds the command table to the table in roles.md, one role after the other.
func TestRoles(t *testing.T) {
	text, err := os.ReadFile("roles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| what is typed |")
	if !found {
		t.Fatal("roles.md has no table of what is typed")
	}
	known := map[string]*shell.Command{}
	for _, c := range commands.Table(&commands.Appliance{}) {
		known[c.Name] = c
	}
	seen := map[string]shell.Roles{} // who may run any form of the command
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		form := strings.Trim(strings.TrimSpace(cells[min(1, len(cells)-1)]), "`")
		if len(cells) != 9 || form == "" || strings.HasPrefix(form, "---") || form == "admin" {
			continue
		}
		words := strings.Fields(form)
		c := known[words[0]]
		if c == nil {
			t.Errorf("roles.md names %q, which is no command", form)
			continue
		}
		for i, role := range roleColumns {
			want := strings.TrimSpace(cells[2+i]) == "yes"
			if got := c.RolesOf(words[1:])&role != 0; got != want {
				t.Errorf("%s as %s: the program says %v, roles.md %v", form, roleWords(role), got, want)
			}
		}
		seen[c.Name] |= c.RolesOf(words[1:])
	}
	for name, c := range known {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s is missing in roles.md", name)
		} else if all := c.Roles | shell.Administrator; seen[name] != all {
			t.Errorf("%s: its Roles are %s, and its forms in roles.md come to %s", name, roleWords(all), roleWords(seen[name]))
		}
	}
}

// roleWords names the roles of a set.
func roleWords(set shell.Roles) string {
	names := []string{"admin", "operator", "readonly", "guest", "technician", "helpdesk"}
	var words []string
	for i, role := range roleColumns {
		if set&role != 0 {
			words = append(words, names[i])
		}
	}
	return strings.Join(words, ", ")
}

// whoMay is the column of the command reference.
func whoMay(c *shell.Command) string {
	set := c.Roles | shell.Administrator
	switch {
	case set == shell.Everyone && c.RolesFor == nil:
		return "everyone"
	case c.RolesFor != nil:
		return roleWords(set) + "; not every form"
	}
	return roleWords(set)
}
