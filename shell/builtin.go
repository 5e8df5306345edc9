package shell

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Builtins are the commands that are about the session itself: exit, help and set. They belong into the table.
func Builtins() []*Command {
	return []*Command{exitCommand(), helpCommand(), setCommand()}
}

func exitCommand() *Command {
	return &Command{
		Name: "exit", Aliases: []string{"quit", "q"}, Summary: "End the session.", Roles: Everyone,
		Help: "Ends the session. Changes that were entered and not committed are lost; at a terminal and in scripts exit asks before.",
		Run: func(_ context.Context, s *Session, args []string) error {
			if len(args) > 0 {
				return Usage("Invalid argument %s: exit takes none.", quote(args[0]))
			}
			if s.way != exec && len(s.Changes()) > 0 {
				s.Say("Configuration changes entered but not committed. Exiting will lose changes.")
				s.Say("Type 'commit' at the command prompt to commit changes.")
				if yes, err := s.YesNo("Are you sure you wish to exit?", false); err != nil || !yes {
					return err
				}
			}
			return ErrExit
		},
	}
}

func setCommand() *Command {
	return &Command{
		Name: "set", Summary: "Settings of this session: paging and JSON.", Roles: Everyone,
		Batch: []string{"set", "set paging on|off", "set json on|off"},
		Help: "Settings last as long as the session. With json on, every command that knows --json behaves as if it were given; a " +
			"command that would open a menu prints what the menu is about.",
		Documents: []Document{{For: "set", Value: settingsJSON{}}, Says("set paging, set json")},
		Run: func(_ context.Context, s *Session, args []string) error {
			if len(args) == 0 && s.JSON {
				return s.PrintJSON(settingsJSON{!s.unpaged, s.jsonMode})
			}
			if len(args) == 0 {
				s.Printf("paging: %s\njson:   %s\n", onOff(!s.unpaged), onOff(s.jsonMode))
				return nil
			}
			return s.set(args)
		},
		Complete: func(_ *Session, args []string) []string {
			if len(args) < 2 {
				return []string{"paging", "json"}
			}
			return []string{"on", "off"}
		},
	}
}

type settingsJSON struct {
	Paging bool `json:"paging" doc:"output stops at the end of a page"`
	JSON   bool `json:"json" doc:"every command behaves as if --json were given"`
}

func (s *Session) set(args []string) error {
	which, _ := matchWord(args[0], []string{"paging", "json"})
	if which < 0 || len(args) != 2 {
		return Usage("Invalid setting %s: set takes paging or json, and on or off.", quote(strings.Join(args, " ")))
	}
	value, _ := matchWord(args[1], []string{"on", "off"})
	if value < 0 {
		return Usage("Invalid value %s: enter on or off.", quote(args[1]))
	}
	if which == 0 {
		s.unpaged = value == 1
	} else {
		s.jsonMode = value == 0
	}
	return nil
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func helpCommand() *Command {
	return &Command{
		Name: "help", Aliases: []string{"h", "?"}, Summary: "List the commands that you may run, or describe one.", Roles: Everyone,
		Batch: []string{"help", "help COMMAND"},
		Help: "Commands may be shortened as long as they are unambiguous, but for those that delete, suspend, reset or stop. " +
			"Several commands on one line are separated by ; and the output of each can be filtered:\n" +
			"| grep [-i] PATTERN, | except [-i] PATTERN, | count, | last N, | head N, | no-more.",
		Documents: []Document{{For: "help", Value: commandsJSON{}}},
		Run: func(_ context.Context, s *Session, args []string) error {
			if len(args) == 0 && s.JSON {
				return s.PrintJSON(describeAll(s.permitted()))
			}
			if len(args) == 0 {
				s.helpAll()
				return nil
			}
			c, err := s.opts.lookupHelp(args[0])
			if err != nil {
				return err
			}
			if !s.offers(c) {
				return Fail("Error: your role does not permit %s.", c.Name)
			}
			if s.JSON {
				return s.PrintJSON(describeAll([]*Command{c}))
			}
			s.Print(s.wrapped(c.Describe()))
			return nil
		},
		Complete: func(s *Session, _ []string) []string { return s.offered() },
	}
}

// wrapped is text whose lines end between words where it goes to a terminal and not through filters.
func (s *Session) wrapped(text string) string {
	if width := s.Width(); s.way == terminal && s.stdout == io.Writer(s.scr) && width >= narrowest && width < widest {
		return wrapText(text, width)
	}
	return text
}

// commandsJSON is what help tells programs.
type commandsJSON struct {
	Commands []commandJSON `json:"commands" doc:"in order of name"`
}

type commandJSON struct {
	Name      string   `json:"name" doc:"as it is typed"`
	Aliases   []string `json:"aliases" doc:"other words for it"`
	Summary   string   `json:"summary" doc:"one line"`
	Help      string   `json:"help" doc:"paragraphs; empty where the summary says it all"`
	Forms     []string `json:"forms" doc:"the forms on one line"`
	Commit    bool     `json:"commit" doc:"what it changes takes effect with commit"`
	WholeWord bool     `json:"whole_word" doc:"it cannot be abbreviated"`
	JSON      bool     `json:"json" doc:"it takes --json"`
}

func describeAll(table []*Command) commandsJSON {
	document := commandsJSON{Commands: []commandJSON{}}
	for _, c := range table {
		document.Commands = append(document.Commands, commandJSON{c.Name, append([]string{}, c.Aliases...), c.Summary, strings.TrimSpace(c.Help),
			append([]string{}, c.Batch...), c.Commit, c.WholeWord, c.TakesJSON()})
	}
	slices.SortFunc(document.Commands, func(a, b commandJSON) int { return strings.Compare(a.Name, b.Name) })
	return document
}

// lookupHelp is lookup, where a beginning is enough for every command.
func (o *Options) lookupHelp(typed string) (*Command, error) {
	all := names(o.Table)
	if i, n := matchWord(typed, all); n == 1 {
		return o.lookup(all[i])
	}
	return o.lookup(typed)
}

// help is the table's help command.
func (o *Options) help() *Command {
	if c, err := o.lookup("help"); err == nil && c.Name == "help" {
		return c
	}
	return helpCommand()
}

// helpAll lists every command with its summary.
func (s *Session) helpAll() {
	s.summaries(s.permitted())
	s.Say("\nType \"help COMMAND\" for more about one of them.")
}

// Describe is what help prints of a command; the command reference has the same text.
func (c *Command) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n", c.Name, c.Summary)
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "Also: %s\n", strings.Join(c.Aliases, ", "))
	}
	if c.Help != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Help))
	}
	if len(c.Batch) > 0 {
		b.WriteString("\nOn one line:\n")
		for _, form := range c.Batch {
			b.WriteString("  " + form + "\n")
		}
	}
	var notes []string
	if c.Commit {
		notes = append(notes, "What it changes takes effect with commit.")
	}
	if c.TakesJSON() {
		notes = append(notes, "With --json it prints a JSON document.")
	}
	if c.WholeWord {
		notes = append(notes, "It must be typed in full.")
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, " ") + "\n")
	}
	return b.String()
}
