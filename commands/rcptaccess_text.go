package commands

import (
	"fmt"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// recipientText is the table as PRINT and EXPORT show it: an address, the action, and perhaps code and text of a custom
// reply, one entry a line.
func recipientText(t config.RecipientAccess) string {
	var b strings.Builder
	for _, key := range recipientKeys(t) {
		rule := t[key]
		action := "REJECT"
		if rule.Accept {
			action = "ACCEPT"
		}
		fmt.Fprintf(&b, "%s %s", key, action)
		if rule.Code != 0 {
			fmt.Fprintf(&b, " %d", rule.Code)
		}
		if rule.Text != "" {
			fmt.Fprintf(&b, " \"%s\"", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(rule.Text))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// parseRecipients reads what recipientText writes; lines that are empty or begin with # are passed over. The error
// names the line.
func parseRecipients(text string) (config.RecipientAccess, error) {
	t := config.RecipientAccess{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, rule, err := parseRecipient(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if t[key] != nil {
			return nil, fmt.Errorf("line %d: %q is there twice", n, key)
		}
		t[key] = rule
	}
	return t, nil
}

func parseRecipient(line string) (string, *config.RecipientRule, error) {
	word, rest := cutWord(line)
	key := recipientKey(word)
	if key == "" || recipientKey(key) != key {
		return "", nil, fmt.Errorf("%q is no recipient address", word)
	}
	action, rest := cutWord(rest)
	rule := &config.RecipientRule{Accept: strings.EqualFold(action, "ACCEPT")}
	if !rule.Accept && !strings.EqualFold(action, "REJECT") {
		return "", nil, fmt.Errorf("%q is neither ACCEPT nor REJECT", action)
	}
	var err error
	if rest != "" && rest[0] != '"' {
		var code string
		code, rest = cutWord(rest)
		if rule.Code, err = replyCode(rule.Accept, code); err != nil {
			return "", nil, fmt.Errorf("%q is no code for %s", code, action)
		}
	}
	if rest != "" {
		if rule.Text, err = unquote(rest); err != nil {
			return "", nil, err
		}
	}
	return key, rule, nil
}

// cutWord takes the first word off a line.
func cutWord(line string) (word, rest string) {
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// replyCode reads the code of a custom reply: 250 for an acceptance, 400 to 599 for a rejection.
func replyCode(accept bool, word string) (int, error) {
	if accept {
		return number("code", word, acceptCode, acceptCode)
	}
	return number("code", word, 400, 599)
}

// unquote reads text in double quotes, in which \" and \\ stand for themselves.
func unquote(text string) (string, error) {
	inner, opened := strings.CutPrefix(text, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !opened || !closed || len(text) < 2 {
		return "", fmt.Errorf("the text of a reply stands in double quotes")
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		if c == '"' || c == '\\' && i+1 == len(inner) {
			return "", fmt.Errorf("a quote inside the text needs a backslash before it")
		}
		if c == '\\' {
			i++
			c = inner[i]
		}
		b.WriteByte(c)
	}
	if err := replyText(b.String()); err != nil {
		return "", fmt.Errorf("the text of a reply is one line of 1 to 400 bytes")
	}
	return b.String(), nil
}

type recipientTableJSON struct {
	Recipients []recipientEntryJSON `json:"recipients" doc:"in the order of the table"`
}

type recipientEntryJSON struct {
	Address string `json:"address" doc:"a domain, a part of one, an address, or ALL"`
	Accept  bool   `json:"accept" doc:"or it is rejected"`
	Code    int    `json:"code,omitempty" doc:"of the reply, where it is not the usual one"`
	Text    string `json:"text,omitempty" doc:"of the reply, where it is not the usual one"`
}

func (e *listenerEdit) printRecipients() error {
	t := e.listener().RecipientAccess
	if !e.s.JSON {
		e.s.Print(recipientText(t))
		return nil
	}
	list := []recipientEntryJSON{}
	for _, key := range recipientKeys(t) {
		list = append(list, recipientEntryJSON{key, t[key].Accept, t[key].Code, t[key].Text})
	}
	return e.s.PrintJSON(recipientTableJSON{list})
}

func (e *listenerEdit) importRecipients() error {
	name, data, err := askFile(e.a, e.s, fmt.Sprintf("Enter the name of the file on machine \"%s\" to import:", machine(e.a)))
	if err != nil {
		return err
	}
	return e.takeRecipients(name, data)
}

// takeRecipients puts a table in its text form in the place of the present one.
func (e *listenerEdit) takeRecipients(name string, data []byte) error {
	read, err := parseRecipients(string(data))
	if err != nil {
		return shell.Fail("Failed to parse %q: %v.", name, err)
	}
	err = e.changeRecipients(func(t config.RecipientAccess) error {
		clear(t)
		for key, rule := range read {
			t[key] = rule
		}
		return nil
	})
	if err == nil {
		e.s.Say("%d recipients imported.", len(read))
	}
	return err
}

func (e *listenerEdit) exportRecipients() error {
	if err := e.s.Permit("edit", e.name, "rcptaccess", "export"); err != nil {
		return err
	}
	name, err := askNewFile(e.s, "Enter a name for the exported file:")
	if err != nil {
		return err
	}
	return e.saveRecipients(name)
}

func (e *listenerEdit) saveRecipients(name string) error {
	if err := writeFile(e.a, name, []byte(recipientText(e.listener().RecipientAccess))); err != nil {
		return err
	}
	written(e.s, e.a, name)
	return nil
}

// recipientAccessBatch runs what stands behind "listenerconfig edit NAME rcptaccess".
func (e *listenerEdit) recipientAccessBatch(args []string) error {
	if e.listener().Type != config.Public {
		return shell.Fail("Error: listener \"%s\" is not public; only a public one has a Recipient Access Table.", e.name)
	}
	if len(args) == 0 {
		args = []string{"print"}
	}
	return dispatch("listenerconfig", args, []subcommand{
		{"print", 0, 0, func([]string) error { return e.printRecipients() }},
		{"new", 2, 4, func(args []string) error {
			rule, err := readRule(args[1:])
			if err != nil {
				return err
			}
			return e.addRecipients(args[0], rule)
		}},
		{"edit", 2, 4, func(args []string) error {
			rule, err := readRule(args[1:])
			if err != nil {
				return err
			}
			return e.setRecipient(args[0], rule)
		}},
		{"delete", 1, 1, func(args []string) error { return e.removeRecipients(args[0]) }},
		{"import", 1, 1, func(args []string) error {
			data, err := readFile(e.a, args[0])
			if err != nil {
				return err
			}
			return e.takeRecipients(args[0], data)
		}},
		{"export", 1, 1, func(args []string) error { return e.saveRecipients(args[0]) }},
		{"clear", 0, 0, func([]string) error { return e.removeAllRecipients() }},
	})
}

// readRule takes accept|reject [CODE "TEXT"].
func readRule(words []string) (config.RecipientRule, error) {
	action, err := oneOf("action", words[0], "accept", "reject")
	rule := config.RecipientRule{Accept: action == "accept"}
	if err != nil || len(words) == 1 {
		return rule, err
	}
	if len(words) == 2 {
		return rule, shell.Usage("Invalid command: a custom reply needs CODE \"TEXT\".")
	}
	if rule.Code, err = replyCode(rule.Accept, words[1]); err != nil {
		return rule, err
	}
	rule.Text = words[2]
	return rule, replyText(rule.Text)
}
