package commands

import (
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// hostAccessBatch runs what stands behind "listenerconfig edit NAME hostaccess".
func (e *listenerEdit) hostAccessBatch(args []string) error {
	const name = "listenerconfig"
	if len(args) == 0 {
		args = []string{"print"}
	}
	return dispatch(name, args, []subcommand{
		{"print", 0, 0, func([]string) error { return e.printTable() }},
		{"new", 3, -1, func(args []string) error {
			return dispatch(name, args, []subcommand{
				{"sendergroup", 4, -1, e.batchNewGroup}, {"policy", 2, -1, e.batchNewPolicy},
			})
		}},
		{"edit", 4, -1, func(args []string) error {
			return dispatch(name, args, []subcommand{
				{"sendergroup", 3, 3, e.batchEditGroup}, {"policy", 3, -1, e.batchEditPolicy},
			})
		}},
		{"delete", 2, 2, func(args []string) error {
			return dispatch(name, args, []subcommand{
				{"sendergroup", 1, 1, func(args []string) error { return e.removeGroup(args[0]) }},
				{"policy", 1, 1, func(args []string) error { return e.removePolicy(args[0]) }},
			})
		}},
		{"move", 2, 2, func(args []string) error {
			to, err := strconv.Atoi(args[1])
			if err != nil {
				return shell.Fail("Invalid position %q: a number is accepted.", args[1])
			}
			return e.move(args[0], to)
		}},
		{"default", 0, -1, e.batchDefault},
		{"import", 1, 1, func(args []string) error {
			data, err := readFile(e.a, args[0])
			if err != nil {
				return err
			}
			return e.takeTable(args[0], data)
		}},
		{"export", 1, 1, func(args []string) error { return e.saveTable(args[0]) }},
		{"clear", 0, 0, func([]string) error { return e.removeGroups() }},
	})
}

// batchNewGroup takes GROUP MEMBER[,MEMBER] policy POLICY [comment "..."].
func (e *listenerEdit) batchNewGroup(args []string) error {
	t := e.table()
	if err := newGroupName(t, args[0], ""); err != nil {
		return err
	}
	hosts, err := members(args[1])
	if err != nil {
		return err
	}
	g := config.SenderGroup{Name: strings.ToUpper(args[0]), Members: hosts}
	err = applySettings(args[2:], []setting{
		{"policy", func(v string) (err error) { g.Policy, err = policyNamed(t, v); return err }},
		{"comment", func(v string) error { g.Comment = v; return groupComment(v) }},
	})
	if err != nil {
		return err
	}
	if g.Policy == "" {
		return shell.Usage("Invalid command: a sender group needs policy POLICY.")
	}
	return e.addGroup(g)
}

// batchEditGroup takes GROUP and one word with its value.
func (e *listenerEdit) batchEditGroup(args []string) error {
	label := args[0]
	return dispatch("listenerconfig", args[1:], []subcommand{
		{"new", 1, 1, func(args []string) error {
			hosts, err := members(args[0])
			if err != nil {
				return err
			}
			_, err = e.addMembers(label, hosts)
			return err
		}},
		{"delete", 1, 1, func(args []string) error { _, err := e.deleteMembers(label, args[0]); return err }},
		{"policy", 1, 1, func(args []string) error { return e.setGroupPolicy(label, args[0]) }},
		{"name", 1, 1, func(args []string) error { return e.renameGroup(label, args[0]) }},
		{"comment", 1, 1, func(args []string) error { return e.setGroupComment(label, args[0]) }},
	})
}

// parameterSettings are the keys of the text form as batch forms take them.
func parameterSettings(p *config.PolicyParams) []setting {
	var settings []setting
	keys := append(config.PolicyKeyNames(), "use_sb", "spam_check", "virus_check", "dhap_limit")
	for _, key := range keys {
		settings = append(settings, setting{key, func(v string) error { return setParameter(p, key, v) }})
	}
	return settings
}

// batchNewPolicy takes POLICY BEHAVIOR [key value ...].
func (e *listenerEdit) batchNewPolicy(args []string) error {
	behavior, err := readBehavior(args[1])
	if err != nil {
		return err
	}
	policy := &config.Policy{Behavior: behavior}
	if err := applySettings(args[2:], parameterSettings(&policy.Params)); err != nil {
		return err
	}
	return e.addPolicy(args[0], policy)
}

func readBehavior(word string) (config.Behavior, error) {
	b, err := config.ParseBehavior(word)
	if err != nil {
		return "", shell.Fail("Invalid behavior %q: accept, relay, reject, tcprefuse or continue is accepted.", word)
	}
	return b, nil
}

// batchEditPolicy takes POLICY key value ...
func (e *listenerEdit) batchEditPolicy(args []string) error {
	return e.changeTable(func(t *config.HostAccess) error {
		name, err := policyNamed(t, args[0])
		if err != nil {
			return err
		}
		policy := t.Policies[name]
		return applySettings(args[1:], append(parameterSettings(&policy.Params), setting{
			"behavior", func(v string) (err error) { policy.Behavior, err = readBehavior(v); return err },
		}))
	})
}

// batchDefault takes key value ..., or shows the defaults when there is none.
func (e *listenerEdit) batchDefault(args []string) error {
	if len(args) > 0 {
		return e.changeTable(func(t *config.HostAccess) error {
			if err := applySettings(args, parameterSettings(&t.Default)); err != nil {
				return err
			}
			t.Default = t.Effective(t.Default)
			return nil
		})
	}
	p := e.table().Effective(config.PolicyParams{})
	if e.s.JSON {
		return e.s.PrintJSON(reportParameters(&p))
	}
	for _, k := range p.Keys() {
		e.s.Printf("%s = %s\n", k.Key, k.Value)
	}
	return nil
}

// policyParametersJSON is the parameters of a mail flow policy under their keys in the text form of the table.
type policyParametersJSON map[string]numberOrText

// numberOrText is a parameter's value: a number where it is one.
type numberOrText any

// tableReport is what --json prints of a host access table.
type tableReport struct {
	Default  policyParametersJSON `json:"default" doc:"parameters by key"`
	Policies []policyReport       `json:"policies" doc:"in order of name"`
	Groups   []groupReport        `json:"sender_groups" doc:"in the order of the table"`
}

type policyReport struct {
	Name       string               `json:"name,omitempty" doc:"the policy"`
	Behavior   string               `json:"behavior" doc:"accept, relay, reject, tcprefuse or continue"`
	Parameters policyParametersJSON `json:"parameters" doc:"by key, those that it says itself"`
}

type groupReport struct {
	Name    string        `json:"name" doc:"empty: an entry without one"`
	Members []string      `json:"members" doc:"as the table has them"`
	Policy  string        `json:"policy" doc:"its mail flow policy"`
	Inline  *policyReport `json:"own_policy,omitempty" doc:"in place of a named one"`
	Comment string        `json:"comment" doc:"as the operator gave it"`
}

func reportTable(t *config.HostAccess) tableReport {
	def := t.Effective(config.PolicyParams{})
	r := tableReport{Default: reportParameters(&def), Policies: []policyReport{}, Groups: []groupReport{}}
	for _, name := range t.PolicyNames() {
		r.Policies = append(r.Policies, *reportPolicy(name, t.Policies[name]))
	}
	for _, g := range t.Groups {
		out := groupReport{Name: g.Name, Members: append([]string{}, g.Members...), Policy: g.Policy, Comment: g.Comment}
		if g.Inline != nil {
			out.Inline = reportPolicy("", g.Inline)
		}
		r.Groups = append(r.Groups, out)
	}
	return r
}

func reportPolicy(name string, p *config.Policy) *policyReport {
	return &policyReport{name, string(p.Behavior), reportParameters(&p.Params)}
}

// reportParameters has the parameters under their keys in the text form, numbers as numbers.
func reportParameters(p *config.PolicyParams) policyParametersJSON {
	values := policyParametersJSON{}
	for _, k := range p.Keys() {
		values[k.Key] = k.Value
		if n, err := strconv.ParseInt(k.Value, 10, 64); err == nil && !k.Quoted {
			values[k.Key] = n
		}
	}
	return values
}
