package commands

import (
	"context"
	"strings"

	"posthouse/internal/cause"
	"posthouse/shell"
)

// withCauses teaches the help among commands the catalogue: "help cause" lists it, "help cause V2" prints an entry.
func withCauses(commands []*shell.Command) []*shell.Command {
	for _, c := range commands {
		if c.Name != "help" {
			continue
		}
		plain, complete := c.Run, c.Complete
		c.Batch = append(c.Batch, "help cause [ID]")
		c.Help += "\n\nhelp cause lists the reasons why mail over TLS does not go as it should; help cause V2 explains one, whose\n" +
			"id stands in mail_logs, tlsverify, hoststatus, bounces and reports."
		c.Documents = append(c.Documents, shell.Document{For: "help cause", Value: causesJSON{}})
		c.Run = func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 && strings.EqualFold(args[0], "cause") {
				return helpCause(s, args[1:])
			}
			return plain(ctx, s, args)
		}
		c.Complete = func(s *shell.Session, args []string) []string {
			if len(args) == 2 && strings.EqualFold(args[0], "cause") {
				return startingWith(args, causeIDs())
			}
			return append(complete(s, args), startingWith(args, []string{"cause"})...)
		}
	}
	return commands
}

func causeIDs() []string {
	var ids []string
	for _, c := range cause.All() {
		ids = append(ids, string(c.ID))
	}
	return ids
}

func helpCause(s *shell.Session, args []string) error {
	switch len(args) {
	case 0:
		if s.JSON {
			return s.PrintJSON(describeCauses(cause.All()))
		}
		table := shell.Table{Head: []string{"Id", "Step", "What happened"}}
		for _, c := range cause.All() {
			table.Rows = append(table.Rows, []string{string(c.ID), c.Step, c.Title})
		}
		s.Table(table)
		s.Say("\nType \"help cause ID\" for more about one of them.")
		return nil
	case 1:
		return describeCause(s, args[0])
	}
	return shell.Usage("Invalid word %q: help cause takes one id.", args[1])
}

// describeCause prints an entry of the catalogue, named in any case.
func describeCause(s *shell.Session, word string) error {
	c, ok := cause.Lookup(cause.ID(strings.ToUpper(word)))
	if !ok {
		return shell.Fail("Unknown cause %q: \"help cause\" lists what is known.", word)
	}
	if s.JSON {
		return s.PrintJSON(describeCauses([]cause.Cause{c}))
	}
	s.Say("Cause %s: %s\n", c.ID, c.Title)
	s.SayBeside("Step:         ", c.Step)
	s.SayBeside("Whose fault:  ", c.Fault)
	s.SayBeside("What helps:   ", c.Helps)
	s.SayBeside("For example:  ", c.Example)
	if c.Report != "" {
		s.SayBeside("TLS reports:  ", c.Report)
	}
	s.SayBeside("In mail_logs: ", c.Line)
	return nil
}

type causesJSON struct {
	Causes []causeJSON `json:"causes" doc:"in the order of the catalogue"`
}

type causeJSON struct {
	ID      cause.ID `json:"id" doc:"as it stands in logs and reports"`
	Step    string   `json:"step" doc:"of the way to TLS"`
	Title   string   `json:"title" doc:"what happened"`
	Fault   string   `json:"fault" doc:"whose it is, most likely"`
	Helps   string   `json:"helps" doc:"what helps"`
	Example string   `json:"example" doc:"such as"`
	Line    string   `json:"line" doc:"in mail_logs"`
	Report  string   `json:"report" doc:"the result type in TLS reports; empty: none"`
}

func describeCauses(causes []cause.Cause) causesJSON {
	document := causesJSON{Causes: []causeJSON{}}
	for _, c := range causes {
		document.Causes = append(document.Causes, causeJSON{c.ID, c.Step, c.Title, c.Fault, c.Helps, c.Example, c.Line, c.Report})
	}
	return document
}
