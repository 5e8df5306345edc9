package commands

import (
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (e *listenerEdit) newGroup() error {
	t := e.table()
	name, err := e.s.Ask(shell.Question{
		Text: "Enter a name for this sender group.", Required: true,
		Check: func(name string) error {
			if err := newGroupName(t, name, ""); err != nil {
				return err
			}
			return e.acceptableTable(func(t *config.HostAccess) {
				t.Groups = append(t.Groups, config.SenderGroup{Name: strings.ToUpper(name), Inline: &config.Policy{Behavior: config.Accept}})
			})
		},
	})
	if err != nil {
		return err
	}
	hosts, err := e.askMembers("Enter the hosts to add.", false)
	if err != nil {
		return err
	}
	policy, err := e.askPolicyName("")
	if err != nil {
		return err
	}
	comment, err := e.s.Ask(shell.Question{Text: "Enter a comment for this sender group.", Check: groupComment})
	if err != nil {
		return err
	}
	return e.addGroup(config.SenderGroup{Name: strings.ToUpper(name), Members: hosts, Policy: policy, Comment: comment})
}

// newGroupName says whether name may be given to a new group or to the one that is called old.
func newGroupName(t *config.HostAccess, name, old string) error {
	if g, err := groupNamed(t, name); err == nil && !strings.EqualFold(g.Name, old) {
		return shell.Fail("Invalid name %q: sender group %q exists already.", name, g.Name)
	}
	return nil
}

// groupComment refuses what the text form cannot hold on one line.
func groupComment(text string) error {
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return shell.Fail("Invalid comment: one line of at most 200 bytes is accepted.")
	}
	return nil
}

func (e *listenerEdit) askMembers(text string, required bool) ([]string, error) {
	answer, err := e.s.Ask(shell.Question{
		Text: text + memberForms, Required: required,
		Check: func(answer string) error { _, err := members(answer); return err },
	})
	if err != nil {
		return nil, err
	}
	return members(answer)
}

func (e *listenerEdit) askPolicyName(present string) (string, error) {
	names := e.table().PolicyNames()
	if len(names) == 0 {
		return "", shell.Fail("Error: there is no policy; create one first.")
	}
	n, err := e.s.Choose("Select the policy for this sender group:", names, max(1, slices.Index(names, present)+1))
	if err != nil {
		return "", err
	}
	return names[n-1], nil
}

// addGroup puts a group behind the others and before the closing entry.
func (e *listenerEdit) addGroup(g config.SenderGroup) error {
	return e.changeTable(func(t *config.HostAccess) error {
		t.Groups = slices.Insert(t.Groups, movable(t), g)
		return nil
	})
}

func (e *listenerEdit) editGroup() error {
	labels := groupLabels(e.table())
	i, err := askNamed(e.s, shell.Choice{Options: labels, Question: "Enter or select the sender group to edit."}, labels)
	if err != nil {
		return err
	}
	g := &groupEdit{e, labels[i]}
	fixed := func() bool { return closing(g.group()) }
	unnamed := func() bool { return g.group().Name == "" }
	return e.s.Menu(shell.Menu{
		State: g.describe,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add new hosts.", Hidden: fixed, Do: plainly(g.add)},
			{Keyword: "DELETE", What: "Remove hosts.", Hidden: fixed, Do: plainly(g.remove)},
			{Keyword: "POLICY", What: "Change the policy.", Do: plainly(g.choosePolicy)},
			{Keyword: "COMMENT", What: "Change the comment.", Do: plainly(g.comment)},
			{Keyword: "RENAME", What: "Rename this sender group.", Hidden: unnamed, Do: plainly(g.rename)},
		},
	})
}

// groupEdit is the dialogue about one entry, which has the label at present.
type groupEdit struct {
	e     *listenerEdit
	label string
}

func (g *groupEdit) group() *config.SenderGroup {
	group, err := groupNamed(g.e.table(), g.label)
	if err != nil {
		return &config.SenderGroup{}
	}
	return group
}

func (g *groupEdit) describe() {
	group := g.group()
	policy := "$" + group.Policy
	if group.Inline != nil {
		policy = string(group.Inline.Behavior) + " (its own)"
	}
	g.e.s.Printf("\nSender Group: %s\nPolicy: %s\nComment: %s\nHosts: %s\n",
		groupLabel(group), policy, orNone(group.Comment), orNone(strings.Join(group.Members, ", ")))
}

func (g *groupEdit) add() error {
	hosts, err := g.e.askMembers("Enter the hosts to add.", true)
	if err != nil {
		return err
	}
	g.label, err = g.e.addMembers(g.label, hosts)
	return err
}

func (g *groupEdit) remove() error {
	answer, err := g.e.s.Ask(shell.Question{
		Text: "Enter the hosts to remove, separated by commas.", Required: true, Complete: func() []string { return g.group().Members },
	})
	if err != nil {
		return err
	}
	g.label, err = g.e.deleteMembers(g.label, answer)
	return err
}

func (g *groupEdit) choosePolicy() error {
	policy, err := g.e.askPolicyName(g.group().Policy)
	if err != nil {
		return err
	}
	return g.e.setGroupPolicy(g.label, policy)
}

func (g *groupEdit) comment() error {
	text, err := g.e.s.Ask(shell.Question{Text: "Enter a comment for this sender group.", Default: g.group().Comment, Check: groupComment})
	if err != nil {
		return err
	}
	return g.e.setGroupComment(g.label, text)
}

func (g *groupEdit) rename() error {
	name, err := g.e.s.Ask(shell.Question{
		Text: "Enter the new name of this sender group.", Default: g.label,
		Check: func(name string) error { return newGroupName(g.e.table(), name, g.label) },
	})
	if err != nil {
		return err
	}
	if err := g.e.renameGroup(g.label, name); err != nil {
		return err
	}
	g.label = strings.ToUpper(name)
	return nil
}

// changeGroup edits one entry and returns its label, which changes with the members of an unnamed one.
func (e *listenerEdit) changeGroup(label string, edit func(t *config.HostAccess, g *config.SenderGroup) error) (string, error) {
	after := label
	err := e.changeTable(func(t *config.HostAccess) error {
		g, err := groupNamed(t, label)
		if err != nil {
			return err
		}
		if err := edit(t, g); err != nil {
			return err
		}
		after = groupLabel(g)
		return nil
	})
	if err != nil {
		return label, err
	}
	return after, nil
}

func (e *listenerEdit) addMembers(label string, hosts []string) (string, error) {
	return e.changeGroup(label, func(_ *config.HostAccess, g *config.SenderGroup) error {
		if closing(g) {
			return shell.Fail("Error: the entry ALL takes no other host.")
		}
		for _, host := range hosts {
			if slices.Contains(g.Members, host) {
				return shell.Fail("Invalid host %q: sender group %q has it already.", host, groupLabel(g))
			}
			g.Members = append(g.Members, host)
		}
		return nil
	})
}

func (e *listenerEdit) deleteMembers(label, answer string) (string, error) {
	return e.changeGroup(label, func(_ *config.HostAccess, g *config.SenderGroup) error {
		if closing(g) {
			return shell.Fail("Error: the entry ALL stays at the end of the table.")
		}
		for _, word := range config.SplitMembers(answer) {
			if m, err := config.ParseMember(word); err == nil {
				word = m.String()
			}
			i := slices.IndexFunc(g.Members, func(m string) bool { return strings.EqualFold(m, word) })
			if i < 0 {
				return shell.Fail("Unknown host %q: sender group %q has %s.", word, groupLabel(g), orNone(strings.Join(g.Members, ", ")))
			}
			g.Members = slices.Delete(g.Members, i, i+1)
		}
		if g.Name == "" && len(g.Members) == 0 {
			return shell.Fail("Error: an entry without a name needs a host; delete the entry instead.")
		}
		return nil
	})
}

func (e *listenerEdit) setGroupPolicy(label, word string) error {
	_, err := e.changeGroup(label, func(t *config.HostAccess, g *config.SenderGroup) (err error) {
		g.Inline = nil
		g.Policy, err = policyNamed(t, word)
		return err
	})
	return err
}

func (e *listenerEdit) setGroupComment(label, text string) error {
	_, err := e.changeGroup(label, func(_ *config.HostAccess, g *config.SenderGroup) error {
		g.Comment = text
		return groupComment(text)
	})
	return err
}

func (e *listenerEdit) renameGroup(label, name string) error {
	_, err := e.changeGroup(label, func(t *config.HostAccess, g *config.SenderGroup) error {
		if g.Name == "" {
			return shell.Fail("Error: the entry %s has no name to change.", groupLabel(g))
		}
		if err := newGroupName(t, name, label); err != nil {
			return err
		}
		g.Name = strings.ToUpper(name)
		return nil
	})
	return err
}

func (e *listenerEdit) deleteGroup() error {
	labels := groupLabels(e.table())[:movable(e.table())]
	if len(labels) == 0 {
		return shell.Fail("Error: there is no sender group to delete.")
	}
	i, err := askNamed(e.s, shell.Choice{Options: labels, Question: "Enter or select the sender group to delete."}, labels)
	if err != nil {
		return err
	}
	return e.removeGroup(labels[i])
}

func (e *listenerEdit) removeGroup(label string) error {
	return e.changeTable(func(t *config.HostAccess) error {
		g, err := groupNamed(t, label)
		if err != nil {
			return err
		}
		if closing(g) {
			return shell.Fail("Error: the entry ALL stays at the end of the table.")
		}
		i := slices.Index(groupLabels(t), groupLabel(g))
		t.Groups = slices.Delete(t.Groups, i, i+1)
		return nil
	})
}
