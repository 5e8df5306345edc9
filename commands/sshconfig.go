package commands

import (
	"context"
	"slices"
	"strings"

	"posthouse/shell"
)

// sshTopic is one part of sshconfig: a line of its menu, and the first word of its batch forms.
type sshTopic struct {
	keyword  string // in capitals
	what     string
	forms    []string // of Batch
	help     string
	document []shell.Document
	menu     func(s *shell.Session) error
	batch    func(s *shell.Session, args []string) error // without the topic's word
	roles    func(args []string) shell.Roles             // the same
	complete func(s *shell.Session, args []string) []string
}

// sshTopics are the parts of sshconfig in the order of its menu.
func sshTopics() []sshTopic {
	return []sshTopic{sshdTopic(), userKeyTopic()}
}

func sshConfig(*Appliance) *shell.Command {
	topics := sshTopics()
	command := &shell.Command{
		Name:    "sshconfig",
		Summary: "Configure the SSH server and its users' keys.",
		Commit:  true,
		Roles:   shell.Readers,
		RolesFor: func(args []string) shell.Roles {
			if i := sshTopicNamed(topics, args); i >= 0 && topics[i].roles != nil {
				return topics[i].roles(args[1:])
			}
			return shell.Administrator
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			return runSSHConfig(topics, s, args)
		},
		Complete: func(s *shell.Session, args []string) []string {
			if i := sshTopicNamed(topics, args); i >= 0 && len(args) > 1 {
				return topics[i].complete(s, args[1:])
			}
			return startingWith(args, sshWords(topics))
		},
	}
	var help []string
	for _, t := range topics {
		command.Batch = append(command.Batch, t.forms...)
		command.Documents = append(command.Documents, t.document...)
		help = append(help, t.help)
	}
	command.Help = strings.Join(help, "\n\n")
	return command
}

func sshWords(topics []sshTopic) []string {
	words := make([]string, len(topics))
	for i, t := range topics {
		words[i] = strings.ToLower(t.keyword)
	}
	return words
}

// sshTopicNamed is the index of the topic that the first of args names; -1: none.
func sshTopicNamed(topics []sshTopic, args []string) int {
	if len(args) == 0 {
		return -1
	}
	return abbreviated(args[0], sshWords(topics))
}

func runSSHConfig(topics []sshTopic, s *shell.Session, args []string) error {
	if len(args) == 0 {
		var items []shell.MenuItem
		for _, t := range topics {
			items = append(items, shell.MenuItem{Keyword: t.keyword, What: t.what, Do: plainly(func() error { return t.menu(s) })})
		}
		return s.Menu(shell.Menu{Items: items, Tight: true})
	}
	var subs []subcommand
	for i, word := range sshWords(topics) {
		subs = append(subs, subcommand{word, 0, -1, func(rest []string) error { return topics[i].batch(s, slices.Clone(rest)) }})
	}
	return dispatch("sshconfig", args, subs)
}
