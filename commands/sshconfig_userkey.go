package commands

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// userKeyForms are the batch forms of "sshconfig userkey".
func userKeyForms() []string {
	return []string{
		"sshconfig userkey list [USER]",
		"sshconfig userkey new USER \"KEY\" [command COMMAND] [from ADDRESS|CIDR[,ADDRESS|CIDR]]",
		"sshconfig userkey print USER N",
		"sshconfig userkey delete USER N",
	}
}

// userKeyHelp is the part on keys of sshconfig's help.
const userKeyHelp = `KEY is a line as in authorized_keys: kind, base64 and perhaps a comment, in front perhaps the options command="NAME" and
from="ADDRESS,CIDR". A key that is bound to a command runs that command and no other: without a command, as a terminal or
not, it runs the command alone. A key with from is taken from these addresses only, and needs no code of a second factor.
A management appliance wants a user of its own with the role readonly and a key with command smaquery.`

// keyDocument is what --json prints of a key.
type keyDocument struct {
	Number      int      `json:"number" doc:"by which it is deleted"`
	Kind        string   `json:"kind" doc:"such as ssh-ed25519"`
	Fingerprint string   `json:"fingerprint" doc:"SHA-256, as OpenSSH writes it"`
	Comment     string   `json:"comment" doc:"as the line has it"`
	Command     string   `json:"command" doc:"the only one that it runs; empty: every one that the role permits"`
	From        []string `json:"from" doc:"the addresses that it is taken from; none: every one"`
	Key         string   `json:"key" doc:"the whole line"`
}

type userKeysDocument struct {
	User string        `json:"user" doc:"the account"`
	Keys []keyDocument `json:"keys" doc:"in order"`
}

type keysDocument struct {
	Users []userKeysDocument `json:"users" doc:"in order of name"`
}

func userKeyDocuments() []shell.Document {
	return []shell.Document{
		{For: "sshconfig userkey list", Value: keysDocument{}},
		{For: "sshconfig userkey print", Value: keyDocument{}},
		shell.Says("sshconfig userkey new, delete"),
	}
}

// userKeys is one run of "sshconfig userkey" on the keys of a user.
type userKeys struct {
	s    *shell.Session
	user string
}

// userKeyMenu is the dialogue; it begins with the keys of the session's own user.
func userKeyMenu(s *shell.Session) error {
	k := &userKeys{s, s.User()}
	if s.Candidate().Users[k.user] == nil {
		k.user = userNames(s)[0]
	}
	none := func() bool { return len(k.keys()) == 0 }
	return s.Menu(shell.Menu{
		State: k.print, Tight: true,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a new key.", Do: plainly(k.ask)},
			{Keyword: "DELETE", What: "Remove a key.", Hidden: none, Do: plainly(k.askRemove)},
			{Keyword: "PRINT", What: "Display a key.", Hidden: none, Do: plainly(k.askPrint)},
			{Keyword: "USER", What: "Switch to a different user to edit.", Do: plainly(k.askUser)},
		},
	})
}

func userNames(s *shell.Session) []string { return slices.Sorted(maps.Keys(s.Candidate().Users)) }

// keys are the user's, in order; what cannot be read is refused before it comes into a configuration.
func (k *userKeys) keys() []config.UserKey {
	var list []config.UserKey
	for _, line := range k.s.Candidate().Users[k.user].Keys {
		if key, err := config.ParseUserKey(line); err == nil {
			list = append(list, key)
		}
	}
	return list
}

func (k *userKeys) print() {
	k.s.Printf("Currently installed keys for %s:\n", k.user)
	for i, key := range k.keys() {
		k.s.Printf("%d. %s\n", i+1, shortKey(key))
	}
}

// shortKey shows the two ends of a key, its comment, and what it is bound to.
func shortKey(key config.UserKey) string {
	encoded := base64.StdEncoding.EncodeToString(key.Blob)
	if len(encoded) > 40 {
		encoded = encoded[:20] + "..." + encoded[len(encoded)-10:]
	}
	text := key.Kind + " " + encoded
	if key.Comment != "" {
		text += " (" + key.Comment + ")"
	}
	if key.Command != "" {
		text += ", command " + key.Command
	}
	if len(key.From) > 0 {
		text += ", from " + key.Sources()
	}
	return text
}

// ask takes lines until an empty one, a key each.
func (k *userKeys) ask() error {
	k.s.Say("Please enter the public SSH key for authorization.\nPress enter on a blank line to finish.")
	var lines []string
	for {
		line, err := k.s.ReadLine(k.s.Context(), "")
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line = strings.TrimSpace(line); line == "" || err != nil {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return shell.Fail("Error: no key was entered; nothing is changed.")
	}
	for _, line := range lines {
		key, err := readUserKey(k.s, line)
		if err == nil {
			err = k.add(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readUserKey reads a line and makes sure that the SSH server will take it.
func readUserKey(s *shell.Session, line string) (config.UserKey, error) {
	key, err := config.ParseUserKey(line)
	if err != nil {
		return key, shell.Fail("Invalid key: %v.", err)
	}
	if err := shell.CheckPublicKey(key.Kind, key.Blob); err != nil {
		return key, shell.Fail("Invalid key: %v.", err)
	}
	return key, bindable(s, &key)
}

// bindable makes sure that the command to which a key is bound exists.
func bindable(s *shell.Session, key *config.UserKey) error {
	if key.Command == "" {
		return nil
	}
	name, ok := s.CommandName(key.Command)
	if !ok {
		return shell.Fail("Unknown command %q: a key can be bound to one that help lists.", key.Command)
	}
	key.Command = name
	return nil
}

// add stores a key that the user does not have yet.
func (k *userKeys) add(key config.UserKey) error {
	for _, other := range k.keys() {
		if other.Kind == key.Kind && string(other.Blob) == string(key.Blob) {
			return shell.Fail("Error: %s has this key already.", k.user)
		}
	}
	return change(k.s, func(c *config.Config) error {
		u := c.Users[k.user]
		u.Keys = append(u.Keys, key.String())
		slices.Sort(u.Keys)
		return nil
	})
}

func (k *userKeys) askNumber(todo string) (int, error) {
	return k.s.AskInt(shell.Question{Text: "Enter the number of the key to " + todo + "."}, 1, len(k.keys()))
}

func (k *userKeys) askRemove() error {
	n, err := k.askNumber("remove")
	if err != nil {
		return err
	}
	return k.remove(n)
}

func (k *userKeys) remove(n int) error {
	return change(k.s, func(c *config.Config) error {
		u := c.Users[k.user]
		u.Keys = slices.Delete(u.Keys, n-1, n)
		return nil
	})
}

func (k *userKeys) askPrint() error {
	n, err := k.askNumber("display")
	if err != nil {
		return err
	}
	return k.show(n)
}

// show prints a whole key, to be copied.
func (k *userKeys) show(n int) error {
	key := k.keys()[n-1]
	if k.s.JSON {
		return k.s.PrintJSON(keyDocumentOf(n, key))
	}
	k.s.Printf("%s\nFingerprint: %s\n", key, shell.Fingerprint(key.Blob))
	return nil
}

func (k *userKeys) askUser() error {
	names := userNames(k.s)
	n, err := k.s.Pick(shell.Choice{Options: names, Question: "Select the user whose keys you wish to edit."})
	if err == nil {
		k.user = names[n-1]
	}
	return err
}

func keyDocumentOf(n int, key config.UserKey) keyDocument {
	d := keyDocument{n, key.Kind, shell.Fingerprint(key.Blob), key.Comment, key.Command, []string{}, key.String()}
	if len(key.From) > 0 {
		d.From = strings.Split(key.Sources(), ",")
	}
	return d
}

func userKeyBatch(s *shell.Session, args []string) error {
	if len(args) == 0 {
		if s.JSON {
			return listUserKeys(s, nil)
		}
		return userKeyMenu(s)
	}
	return dispatch("sshconfig userkey", args, []subcommand{
		{"list", 0, 1, func(rest []string) error { return listUserKeys(s, rest) }},
		{"new", 2, 6, func(rest []string) error { return newUserKey(s, rest) }},
		{"print", 2, 2, func(rest []string) error { return numberedKey(s, rest, (*userKeys).show) }},
		{"delete", 2, 2, func(rest []string) error { return numberedKey(s, rest, (*userKeys).remove) }},
	})
}

// keysOf is the user that a word names.
func keysOf(s *shell.Session, word string) (*userKeys, error) {
	name, err := (&users{s: s}).known(word)
	return &userKeys{s, name}, err
}

func listUserKeys(s *shell.Session, words []string) error {
	names := userNames(s)
	if len(words) == 1 {
		k, err := keysOf(s, words[0])
		if err != nil {
			return err
		}
		names = []string{k.user}
	}
	document := keysDocument{Users: []userKeysDocument{}}
	for _, name := range names {
		k := &userKeys{s, name}
		entry := userKeysDocument{name, []keyDocument{}}
		for i, key := range k.keys() {
			entry.Keys = append(entry.Keys, keyDocumentOf(i+1, key))
		}
		document.Users = append(document.Users, entry)
		if !s.JSON {
			k.print()
		}
	}
	if s.JSON {
		return s.PrintJSON(document)
	}
	return nil
}

func newUserKey(s *shell.Session, words []string) error {
	k, err := keysOf(s, words[0])
	if err != nil {
		return err
	}
	key, err := readUserKey(s, words[1])
	if err != nil {
		return err
	}
	err = applySettings(words[2:], []setting{
		{"command", func(v string) (err error) {
			if key.Command, err = config.BoundCommand(v); err != nil {
				return shell.Fail("Invalid command: %v.", err)
			}
			return bindable(s, &key)
		}},
		{"from", func(v string) (err error) {
			if key.From, err = config.ParseSources(v); err != nil {
				return shell.Fail("Invalid sources: %v.", err)
			}
			return nil
		}},
	})
	if err != nil {
		return err
	}
	if err := k.add(key); err != nil {
		return err
	}
	s.Printf("Key added for %s: %s\n", k.user, shortKey(key))
	return nil
}

// numberedKey does something with the key that "USER N" names.
func numberedKey(s *shell.Session, words []string, do func(*userKeys, int) error) error {
	k, err := keysOf(s, words[0])
	if err != nil {
		return err
	}
	if len(k.keys()) == 0 {
		return shell.Fail("Error: %s has no key.", k.user)
	}
	n, err := number("key", words[1], 1, len(k.keys()))
	if err != nil {
		return err
	}
	return do(k, n)
}

func completeUserKey(s *shell.Session, args []string) []string {
	if len(args) <= 1 {
		return startingWith(args, []string{"list", "new", "print", "delete"})
	}
	switch {
	case len(args) == 2:
		return startingWith(args, userNames(s))
	case args[0] == "new" && len(args) > 3 && len(args)%2 == 0:
		return startingWith(args, []string{"command", "from"})
	case args[0] == "new" && len(args) > 4 && args[len(args)-2] == "command":
		return startingWith(args, []string{"smaquery"})
	case (args[0] == "delete" || args[0] == "print") && len(args) == 3 && s.Candidate().Users[args[1]] != nil:
		var numbers []string
		for i := range (&userKeys{s, args[1]}).keys() {
			numbers = append(numbers, fmt.Sprint(i+1))
		}
		return startingWith(args, numbers)
	}
	return nil
}

// userKeyTopic is the part of sshconfig about keys.
func userKeyTopic() sshTopic {
	return sshTopic{
		keyword: "USERKEY", what: "Edit SSH User Key settings",
		forms: userKeyForms(), help: userKeyHelp, document: userKeyDocuments(),
		menu: userKeyMenu, batch: userKeyBatch, complete: completeUserKey,
	}
}
