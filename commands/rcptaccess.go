package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// recipientAll is the key of a recipient access table for every recipient that no other key matches.
const recipientAll = "ALL"

// changeRecipients edits the recipient access table in a copy of the candidate.
func (e *listenerEdit) changeRecipients(edit func(t config.RecipientAccess) error) error {
	return e.change(func(_ *config.Config, l *config.Listener) error {
		if l.RecipientAccess == nil {
			l.RecipientAccess = config.RecipientAccess{}
		}
		return edit(l.RecipientAccess)
	})
}

func (e *listenerEdit) recipientAccess() error {
	none := func() bool { return len(e.listener().RecipientAccess) == 0 }
	return e.s.Menu(shell.Menu{
		State: e.describeRecipients,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new entry.", Do: plainly(e.newRecipient)},
			{Keyword: "EDIT", What: "Modify an entry.", Hidden: none, Do: plainly(e.editRecipient)},
			{Keyword: "DELETE", What: "Remove an entry.", Hidden: none, Do: plainly(e.deleteRecipient)},
			{Keyword: "PRINT", What: "Display the table.", Hidden: none, Do: plainly(e.printRecipients)},
			{Keyword: "IMPORT", What: "Import a table from a file.", Do: plainly(e.importRecipients)},
			{Keyword: "EXPORT", What: "Export the table to a file.", Hidden: none, Do: plainly(e.exportRecipients)},
			{Keyword: "CLEAR", What: "Remove all entries.", Hidden: none, Do: plainly(e.clearRecipients)},
		},
	})
}

func (e *listenerEdit) describeRecipients() {
	t := e.listener().RecipientAccess
	access := "REJECT"
	if all := t[recipientAll]; all != nil && all.Accept {
		access = "ACCEPT"
	}
	e.s.Printf("Recipient Access Table\nThere are currently %d recipients.\nDefault Access: %s\n", len(t), access)
}

// recipients reads addresses of a recipient access table, separated by commas; nothing is no address. Whether they are
// any good is for the configuration to say.
func recipients(answer string) []string {
	var keys []string
	for word := range strings.SplitSeq(answer, ",") {
		if key := recipientKey(word); key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// recipientKey is the address as the table has it.
func recipientKey(word string) string {
	word = strings.TrimSpace(word)
	if strings.EqualFold(word, recipientAll) {
		return recipientAll
	}
	return strings.TrimSuffix(strings.ToLower(word), ".")
}

// knownRecipient finds an entry of the table.
func (e *listenerEdit) knownRecipient(word string) (string, error) {
	key := recipientKey(word)
	if e.listener().RecipientAccess[key] == nil {
		return "", shell.Fail("Unknown recipient address %q: the table has no such entry.", word)
	}
	return key, nil
}

func (e *listenerEdit) newRecipient() error {
	answer, err := e.s.Ask(shell.Question{
		Text: "Enter the recipient address for this entry." + recipientForms, Required: true,
		Check: func(answer string) error { return e.absentRecipients(answer) },
	})
	if err != nil {
		return err
	}
	rule, err := e.askRule(config.RecipientRule{Accept: true})
	if err != nil {
		return err
	}
	return e.addRecipients(answer, rule)
}

// absentRecipients refuses addresses that the table has already, and what is no address.
func (e *listenerEdit) absentRecipients(answer string) error {
	keys := recipients(answer)
	for _, key := range keys {
		if e.listener().RecipientAccess[key] != nil {
			return shell.Fail("Invalid recipient address %q: the table has it already.", key)
		}
	}
	if len(keys) == 0 {
		return shell.Fail("Invalid recipient address %q: an address is wanted.", answer)
	}
	return acceptable(e.s, func(c *config.Config) { c.Listeners[e.name].RecipientAccess = accepting(answer) })
}

func (e *listenerEdit) addRecipients(answer string, rule config.RecipientRule) error {
	if err := e.absentRecipients(answer); err != nil {
		return err
	}
	return e.changeRecipients(func(t config.RecipientAccess) error {
		for _, key := range recipients(answer) {
			t[key] = &config.RecipientRule{Accept: rule.Accept, Code: rule.Code, Text: rule.Text}
		}
		return nil
	})
}

// The codes of a custom reply where no other is chosen.
const (
	acceptCode = 250
	rejectCode = 550
)

// askRule asks what happens to a recipient; present gives the defaults.
func (e *listenerEdit) askRule(present config.RecipientRule) (config.RecipientRule, error) {
	def := 1
	if !present.Accept {
		def = 2
	}
	n, err := e.s.Choose("Select the action to apply to this address:", []string{"Accept", "Reject"}, def)
	if err != nil {
		return present, err
	}
	rule := config.RecipientRule{Accept: n == 1}
	custom, err := e.s.YesNo("Would you like to specify a custom SMTP response?", present.Text != "" && present.Accept == rule.Accept)
	if err != nil || !custom {
		return rule, err
	}
	rule.Code = acceptCode
	if !rule.Accept {
		if rule.Code, err = e.askCode(present); err != nil {
			return rule, err
		}
	}
	rule.Text, err = e.s.Ask(shell.Question{Text: "Enter your custom SMTP response.", Default: present.Text, Required: true, Check: replyText})
	return rule, err
}

func (e *listenerEdit) askCode(present config.RecipientRule) (int, error) {
	def := rejectCode
	if !present.Accept && present.Code != 0 {
		def = present.Code
	}
	return e.s.AskInt(shell.Question{
		Text: fmt.Sprintf("Enter the SMTP code to use in the response. %d is the standard code.", rejectCode), Default: fmt.Sprint(def),
	}, 400, 599)
}

// replyText refuses what one line of a reply cannot hold (RFC 5321 §4.5.3.1.5).
func replyText(text string) error {
	if text == "" || len(text) > 400 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return shell.Fail("Invalid response: one line of 1 to 400 bytes is accepted.")
	}
	return nil
}

func (e *listenerEdit) askRecipient(text string) (string, error) {
	answer, err := e.s.Ask(shell.Question{
		Text: text, Required: true,
		Complete: func() []string { return recipientKeys(e.listener().RecipientAccess) },
		Check:    func(answer string) error { _, err := e.knownRecipient(answer); return err },
	})
	if err != nil {
		return "", err
	}
	return e.knownRecipient(answer)
}

func (e *listenerEdit) editRecipient() error {
	key, err := e.askRecipient("Enter the recipient address you wish to edit.")
	if err != nil {
		return err
	}
	rule, err := e.askRule(*e.listener().RecipientAccess[key])
	if err != nil {
		return err
	}
	return e.setRecipient(key, rule)
}

func (e *listenerEdit) setRecipient(word string, rule config.RecipientRule) error {
	key, err := e.knownRecipient(word)
	if err != nil {
		return err
	}
	return e.changeRecipients(func(t config.RecipientAccess) error { t[key] = &rule; return nil })
}

func (e *listenerEdit) deleteRecipient() error {
	key, err := e.askRecipient("Enter the recipient address you wish to delete.")
	if err != nil {
		return err
	}
	return e.removeRecipients(key)
}

func (e *listenerEdit) removeRecipients(words string) error {
	return e.changeRecipients(func(t config.RecipientAccess) error {
		for word := range strings.SplitSeq(words, ",") {
			key, err := e.knownRecipient(strings.TrimSpace(word))
			if err != nil {
				return err
			}
			delete(t, key)
		}
		return nil
	})
}

func (e *listenerEdit) clearRecipients() error {
	sure, err := e.s.YesNo("Are you sure you want to remove all entries? No recipient is accepted then.", false)
	if err != nil || !sure {
		return err
	}
	return e.removeAllRecipients()
}

func (e *listenerEdit) removeAllRecipients() error {
	return e.changeRecipients(func(t config.RecipientAccess) error { clear(t); return nil })
}

// recipientKeys are the addresses in order, ALL last.
func recipientKeys(t config.RecipientAccess) []string {
	keys := slices.Sorted(maps.Keys(t))
	if i := slices.Index(keys, recipientAll); i >= 0 {
		keys = append(slices.Delete(keys, i, i+1), recipientAll)
	}
	return keys
}
