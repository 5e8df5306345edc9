package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (e *listenerEdit) table() *config.HostAccess { return &e.listener().HostAccess }

// changeTable edits the host access table in a copy of the candidate.
func (e *listenerEdit) changeTable(edit func(t *config.HostAccess) error) error {
	return e.change(func(_ *config.Config, l *config.Listener) error { return edit(&l.HostAccess) })
}

// acceptableTable says whether edit brings the table a fault that it does not have; it changes nothing.
func (e *listenerEdit) acceptableTable(edit func(t *config.HostAccess)) error {
	return acceptable(e.s, func(c *config.Config) { edit(&c.Listeners[e.name].HostAccess) })
}

func (e *listenerEdit) hostAccess() error {
	return e.s.Menu(shell.Menu{
		State: func() {
			t := e.table()
			e.s.Say("There are currently %d policies defined.\nThere are currently %d sender groups.", len(t.Policies), len(t.Groups))
		},
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new entry.", Do: e.groupOrPolicy("New", e.newGroup, e.newPolicy)},
			{Keyword: "EDIT", What: "Modify an entry.", Do: e.groupOrPolicy("Edit", e.editGroup, e.editPolicy)},
			{Keyword: "DELETE", What: "Remove an entry.", Do: e.groupOrPolicy("Delete", e.deleteGroup, e.deletePolicy)},
			{Keyword: "MOVE", What: "Move an entry.", Do: plainly(e.moveGroup)},
			{Keyword: "DEFAULT", What: "Set the defaults.", Do: plainly(e.askDefaults)},
			{Keyword: "PRINT", What: "Display the table.", Do: plainly(e.printTable)},
			{Keyword: "IMPORT", What: "Import a table from a file.", Do: plainly(e.importTable)},
			{Keyword: "EXPORT", What: "Export the table to a file.", Do: plainly(e.exportTable)},
			{Keyword: "CLEAR", What: "Remove all entries.", Do: plainly(e.clearTable)},
		},
	})
}

// groupOrPolicy asks what is meant and does it.
func (e *listenerEdit) groupOrPolicy(verb string, group, policy func() error) func(context.Context) error {
	return func(context.Context) error {
		n, err := e.s.Choose("", []string{verb + " Sender Group", verb + " Policy"}, 1)
		if err != nil {
			return err
		}
		if n == 2 {
			return policy()
		}
		return group()
	}
}

// groupLabel is what an entry is called in lists and on command lines; an unnamed one by its members.
func groupLabel(g *config.SenderGroup) string {
	if g.Name != "" {
		return g.Name
	}
	return strings.Join(g.Members, ",")
}

func groupLabels(t *config.HostAccess) []string {
	labels := make([]string, len(t.Groups))
	for i := range t.Groups {
		labels[i] = groupLabel(&t.Groups[i])
	}
	return labels
}

// groupNamed finds an entry by its label in any case.
func groupNamed(t *config.HostAccess, word string) (*config.SenderGroup, error) {
	labels := groupLabels(t)
	i := slices.IndexFunc(labels, func(l string) bool { return strings.EqualFold(l, word) })
	if i < 0 {
		return nil, shell.Fail("Unknown sender group %q: %s.", word, acceptedAre(labels))
	}
	return &t.Groups[i], nil
}

// policyNamed finds a policy by its name in any case, with or without the $ of the text form.
func policyNamed(t *config.HostAccess, word string) (string, error) {
	name := strings.ToUpper(strings.TrimPrefix(word, "$"))
	if t.Policies[name] == nil {
		return "", shell.Fail("Unknown policy %q: %s.", word, acceptedAre(t.PolicyNames()))
	}
	return name, nil
}

// closing says whether the entry is the one for everybody else, which stays last.
func closing(g *config.SenderGroup) bool {
	return g.Name == "" && len(g.Members) == 1 && g.Members[0] == config.MemberAll
}

// movable is how many entries stand before the closing one.
func movable(t *config.HostAccess) int {
	n := len(t.Groups)
	if n > 0 && closing(&t.Groups[n-1]) {
		n--
	}
	return n
}

// members reads the hosts of a sender group, separated by commas; nothing is no host.
func members(answer string) ([]string, error) {
	var hosts []string
	for _, word := range config.SplitMembers(answer) {
		m, err := config.ParseMember(word)
		if err != nil {
			return nil, shell.Fail("Invalid host: %v.", err)
		}
		if slices.Contains(hosts, m.String()) {
			return nil, shell.Fail("Invalid hosts: %q is named twice.", m.String())
		}
		hosts = append(hosts, m.String())
	}
	return hosts, nil
}

func (e *listenerEdit) moveGroup() error {
	t := e.table()
	n := movable(t)
	if n < 2 {
		return shell.Fail("Error: there are no two entries to change the order of.")
	}
	labels := groupLabels(t)[:n]
	from, err := askNamed(e.s, shell.Choice{Options: labels, Question: "Enter the number of the entry you wish to move."}, labels)
	if err != nil {
		return err
	}
	to, err := e.s.AskInt(shell.Question{Text: "Enter the number of the position that it shall have."}, 1, n)
	if err != nil {
		return err
	}
	return e.move(labels[from], to)
}

// move puts an entry at a position, counted from 1.
func (e *listenerEdit) move(label string, to int) error {
	return e.changeTable(func(t *config.HostAccess) error {
		g, err := groupNamed(t, label)
		if err != nil {
			return err
		}
		if closing(g) {
			return shell.Fail("Error: the entry ALL stays at the end of the table.")
		}
		if n := movable(t); to < 1 || to > n {
			return shell.Fail("Invalid position %d: %s is accepted.", to, numberFrom(1, n))
		}
		moved := *g
		i := slices.Index(groupLabels(t), groupLabel(g))
		t.Groups = slices.Insert(slices.Delete(t.Groups, i, i+1), to-1, moved)
		return nil
	})
}

func (e *listenerEdit) printTable() error {
	t := e.table()
	if e.s.JSON {
		return e.s.PrintJSON(reportTable(t))
	}
	e.s.Print(t.Text())
	return nil
}

func (e *listenerEdit) importTable() error {
	name, data, err := askFile(e.a, e.s, fmt.Sprintf("Enter the name of the file on machine \"%s\" to import:", machine(e.a)))
	if err != nil {
		return err
	}
	return e.takeTable(name, data)
}

// takeTable puts a table in its text form in the place of the present one, whose default stays.
func (e *listenerEdit) takeTable(name string, data []byte) error {
	read, err := config.ParseHAT(string(data))
	if err != nil {
		return shell.Fail("Failed to parse %q: %s.", name, oneLine(err))
	}
	err = e.changeTable(func(t *config.HostAccess) error {
		read.Default = t.Default
		*t = *read
		return nil
	})
	if err == nil {
		e.s.Say("%d policies and %d sender groups imported.", len(read.Policies), len(read.Groups))
	}
	return err
}

// oneLine is an error of several lines in one.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (e *listenerEdit) exportTable() error {
	if err := e.s.Permit("edit", e.name, "hostaccess", "export"); err != nil {
		return err
	}
	name, err := askNewFile(e.s, "Enter a name for the exported file:")
	if err != nil {
		return err
	}
	return e.saveTable(name)
}

func (e *listenerEdit) saveTable(name string) error {
	if err := writeFile(e.a, name, []byte(e.table().Text())); err != nil {
		return err
	}
	written(e.s, e.a, name)
	return nil
}

func (e *listenerEdit) clearTable() error {
	sure, err := e.s.YesNo("Are you sure you want to remove all sender groups? The policies stay.", false)
	if err != nil || !sure {
		return err
	}
	return e.removeGroups()
}

// removeGroups leaves the closing entry, so that a private listener does not begin to accept what it refused.
func (e *listenerEdit) removeGroups() error {
	return e.changeTable(func(t *config.HostAccess) error {
		t.Groups = slices.DeleteFunc(t.Groups, func(g config.SenderGroup) bool { return !closing(&g) })
		return nil
	})
}
