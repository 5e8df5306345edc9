package commands

import (
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// roleTitles describe the roles in the order of config.Roles.
var roleTitles = []struct{ title, what string }{
	{"Administrators", "may do everything."},
	{"Operators", "may do everything but change users, their rights and the way in."},
	{"Read-Only Operators", "see everything and put nothing in force."},
	{"Guests", "see the state and the counters."},
	{"Technicians", "stop and restart the service and collect what support needs."},
	{"Help Desk Users", "look for messages and say what became of them."},
}

// chooseRole asks for a user's role; present may be empty.
func (u *users) chooseRole(name, present string) (string, error) {
	roles := config.Roles()
	var lines []string
	for _, r := range roleTitles {
		lines = append(lines, r.title+" - "+r.what)
	}
	q := shell.Question{Text: fmt.Sprintf("Assign a role to %q:\n%s", name, numbered(lines)), Required: true, Complete: config.Roles}
	if i := slices.Index(roles, present); i >= 0 {
		q.Default = fmt.Sprint(i + 1)
	}
	role := func(answer string) (string, error) {
		if i, err := number("choice", answer, 1, len(roles)); err == nil {
			return roles[i-1], nil
		}
		return parseRole(answer)
	}
	q.Check = func(answer string) error { _, err := role(answer); return err }
	answer, err := u.s.Ask(q)
	if err != nil {
		return "", err
	}
	return role(answer)
}

func (u *users) askRole() error {
	u.printRoles()
	name, err := u.pick("to give another role")
	if err != nil {
		return err
	}
	role, err := u.chooseRole(name, u.config().Users[name].Role)
	if err != nil {
		return err
	}
	return u.setRole(name, role)
}

func (u *users) setRole(name, role string) error {
	return change(u.s, func(c *config.Config) error { c.Users[name].Role = role; return nil })
}

// holders are the users of a role.
func (u *users) holders(role string) []string {
	list := []string{}
	for _, name := range u.names() {
		if u.config().Users[name].Role == role {
			list = append(list, name)
		}
	}
	return list
}

// rolesDocument is what --json prints of the roles.
type rolesDocument struct {
	Roles []roleDocument `json:"roles" doc:"the most powerful first"`
}

type roleDocument struct {
	Role  string   `json:"role" doc:"as userconfig takes it"`
	Title string   `json:"title" doc:"what it is called"`
	Users []string `json:"users" doc:"who has it"`
}

// printRoles lists the roles with who has them. There are no others.
func (u *users) printRoles() error {
	table := shell.Table{Head: []string{"Role", "Title", "Users"}}
	var document rolesDocument
	for i, role := range config.Roles() {
		list := u.holders(role)
		document.Roles = append(document.Roles, roleDocument{role, roleTitles[i].title, list})
		table.Rows = append(table.Rows, []string{role, roleTitles[i].title, orNone(strings.Join(list, ", "))})
	}
	if u.s.JSON {
		return u.s.PrintJSON(document)
	}
	u.s.Table(table)
	return nil
}
