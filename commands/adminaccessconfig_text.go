package commands

import (
	"fmt"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// loginText is one of the two texts that operators are shown: the banner or the welcome text.
type loginText struct {
	*adminAccess
	name string
	of   func(*config.Shell) *[]string
}

func (c *adminAccess) banner() *loginText {
	return &loginText{c, "banner", func(s *config.Shell) *[]string { return &s.Banner }}
}

func (c *adminAccess) welcome() *loginText {
	return &loginText{c, "welcome message", func(s *config.Shell) *[]string { return &s.Welcome }}
}

func (t *loginText) lines() []string { return *t.of(t.settings()) }

func (t *loginText) print() {
	if len(t.lines()) == 0 {
		t.s.Say("There is no %s.", t.name)
		return
	}
	t.s.Printf("The %s is:\n", t.name)
	for _, line := range t.lines() {
		t.s.Println(strings.TrimRight("  "+line, " "))
	}
}

func (t *loginText) menu() error {
	return t.s.Menu(shell.Menu{
		State: func() { t.s.Println(); t.print() },
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: fmt.Sprintf("Create a %s to display at login.", t.name), Do: plainly(t.create)},
			{Keyword: "IMPORT", What: fmt.Sprintf("Create a %s to display at login from a text file.", t.name), Do: plainly(t.askImport)},
			{Keyword: "DELETE", What: fmt.Sprintf("Remove the %s.", t.name), Do: plainly(func() error { return t.set("") }),
				Hidden: func() bool { return len(t.lines()) == 0 }},
		},
	})
}

func (t *loginText) create() error {
	text, err := t.s.Block(fmt.Sprintf("Enter the %s (end with '.'):", t.name))
	if err != nil {
		return err
	}
	return t.set(text)
}

func (t *loginText) askImport() error {
	_, data, err := askFile(t.a, t.s, "Enter the name of the file to import:")
	if err != nil {
		return err
	}
	return t.set(string(data))
}

func (t *loginText) batch(args []string) error {
	switch {
	case len(args) == 0:
		text, err := t.s.Input()
		if err != nil {
			return err
		}
		return t.set(text)
	case len(args) == 1 && strings.EqualFold(args[0], "import"):
		return shell.Misformed("Invalid command: the name of a file is missing behind \"import\"")
	case len(args) == 1:
		return t.set(args[0])
	case !strings.EqualFold(args[0], "import"):
		return shell.Usage("Invalid command: a text of several words stands in double quotes.")
	}
	data, err := readFile(t.a, args[1])
	if err != nil {
		return err
	}
	return t.set(string(data))
}

func (t *loginText) set(text string) error {
	if len(text) > config.MaxBanner {
		return shell.Fail("Invalid %s: %d bytes are more than %d.", t.name, len(text), config.MaxBanner)
	}
	lines := config.TextLines(text)
	return change(t.s, func(c *config.Config) error { *t.of(&c.Shell) = lines; return nil })
}
