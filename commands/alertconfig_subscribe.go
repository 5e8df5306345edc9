package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// allAlerts is every class, or every severity.
const allAlerts = "All"

// everything is what a new recipient gets unless something else is said.
func everything() []config.AlertSubscription {
	return []config.AlertSubscription{{Class: allAlerts, Severities: []string{allAlerts}}}
}

func alertClasses() []string    { return append([]string{allAlerts}, config.AlertClasses[:]...) }
func alertSeverities() []string { return append([]string{allAlerts}, config.AlertSeverities[:]...) }

// subscriptions gathers what one recipient is told of, one entry a class.
type subscriptions []config.AlertSubscription

// add subscribes to classes with severities. A class named twice has the later ones.
func (l *subscriptions) add(classes, severities []string) {
	for _, class := range classes {
		*l = slices.DeleteFunc(*l, func(s config.AlertSubscription) bool { return s.Class == class })
		*l = append(*l, config.AlertSubscription{Class: class, Severities: slices.Clone(severities)})
	}
	order := alertClasses()
	slices.SortFunc(*l, func(a, b config.AlertSubscription) int {
		return cmp.Compare(slices.Index(order, a.Class), slices.Index(order, b.Class))
	})
}

// groups is the classes that have the same severities, in order of the first.
func (l subscriptions) groups() (groups []subscriptionGroup) {
	for _, s := range l {
		i := slices.IndexFunc(groups, func(g subscriptionGroup) bool { return slices.Equal(g.severities, s.Severities) })
		if i < 0 {
			groups = append(groups, subscriptionGroup{[]string{s.Class}, s.Severities})
			continue
		}
		groups[i].classes = append(groups[i].classes, s.Class)
	}
	return groups
}

type subscriptionGroup struct{ classes, severities []string }

// askSubscriptions asks for classes and their severities until there are no more.
func (r *alertRecipients) askSubscriptions(present []config.AlertSubscription) ([]config.AlertSubscription, error) {
	var list subscriptions
	groups := subscriptions(present).groups()
	for {
		def := subscriptionGroup{[]string{allAlerts}, []string{allAlerts}}
		if len(groups) > 0 {
			def, groups = groups[0], groups[1:]
		}
		classes, err := r.askSeveral("Choose the Alert Classes. Separate multiple choices with commas.", "class", alertClasses(), def.classes)
		if err != nil {
			return nil, err
		}
		severities, err := r.askSeveral("Select a Severity Level. Separate multiple choices with commas.", "severity", alertSeverities(), def.severities)
		if err != nil {
			return nil, err
		}
		list.add(classes, severities)
		more, err := r.s.YesNo("Do you want to choose other severities for another class?", len(groups) > 0)
		if err != nil || !more {
			return list, err
		}
	}
}

// askSeveral asks for some of options, by number or by name.
func (r *alertRecipients) askSeveral(heading, what string, options, def []string) ([]string, error) {
	var numbers []string
	for _, d := range def {
		numbers = append(numbers, strconv.Itoa(slices.Index(options, d)+1))
	}
	answer, err := r.s.Ask(shell.Question{
		Text:     heading + "\n" + strings.TrimSuffix(numbered(options), "\n"),
		Default:  strings.Join(numbers, ","),
		Check:    func(answer string) error { _, err := several(what, answer, options); return err },
		Complete: func() []string { return options },
	})
	if err != nil {
		return nil, err
	}
	return several(what, answer, options)
}

// several reads some of options with commas between them, each by its number or name. The first option stands for all.
func several(what, text string, options []string) ([]string, error) {
	var chosen []string
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		i := abbreviated(word, options)
		if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(options) {
			i = n - 1
		}
		if i < 0 {
			return nil, shell.Fail("Invalid %s %q: %s.", what, word, acceptedAre(options))
		}
		if !slices.Contains(chosen, options[i]) {
			chosen = append(chosen, options[i])
		}
	}
	if slices.Contains(chosen, options[0]) || len(chosen) == len(options)-1 {
		return options[:1], nil
	}
	slices.SortFunc(chosen, func(a, b string) int { return cmp.Compare(slices.Index(options, a), slices.Index(options, b)) })
	return chosen, nil
}

func (r *alertRecipients) batch(args []string) error {
	return dispatch("alertconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return r.list() }},
		{"new", 1, -1, func(rest []string) error {
			address, err := r.fresh(rest[0])
			if err != nil {
				return err
			}
			return r.subscribe(address, rest[1:])
		}},
		{"edit", 3, -1, func(rest []string) error {
			address, err := r.known(rest[0])
			if err != nil {
				return err
			}
			return r.subscribe(address, rest[1:])
		}},
		{"delete", 1, 1, func(rest []string) error { return r.remove(rest[0]) }},
		{"clear", 0, 0, func([]string) error { return r.clear() }},
		{"setup", 2, -1, r.batchSetup},
		{"from", 1, 1, func(rest []string) error { return r.setFrom(rest[0]) }},
	})
}

// subscribe reads "class CLASS[,CLASS] severity SEVERITY[,SEVERITY] ...".
func (r *alertRecipients) subscribe(address string, words []string) error {
	groups := []subscriptionGroup{{[]string{allAlerts}, []string{allAlerts}}}
	named := false
	err := applySettings(words, []setting{
		{"class", func(v string) error {
			classes, err := several("class", v, alertClasses())
			if named {
				groups = append(groups, subscriptionGroup{nil, []string{allAlerts}})
			}
			named = true
			groups[len(groups)-1].classes = classes
			return err
		}},
		{"severity", func(v string) (err error) {
			groups[len(groups)-1].severities, err = several("severity", v, alertSeverities())
			return err
		}},
	})
	if err != nil {
		return err
	}
	var list subscriptions
	for _, g := range groups {
		list.add(g.classes, g.severities)
	}
	return r.put(address, list)
}

func (r *alertRecipients) batchSetup(words []string) error {
	c := *r.alerts()
	figure := func(key string, to *int, high int) setting {
		return setting{key, func(v string) (err error) { *to, err = number(key, v, 0, high); return err }}
	}
	err := applySettings(words, []setting{
		figure("initial_wait", &c.InitialWait, alertInitialMost),
		figure("max_wait", &c.MaxWait, alertMaxMost),
		figure("digest", &c.Digest, alertDigestMost),
	})
	if err != nil {
		return err
	}
	if c.MaxWait < c.InitialWait {
		return shell.Fail("Invalid max_wait \"%d\": a number from %d (initial_wait) to %d is accepted.", c.MaxWait, c.InitialWait, alertMaxMost)
	}
	return r.settle(c)
}

// askFigure asks for a whole number.
func askFigure(s *shell.Session, text string, present, low, high int) (int, error) {
	return s.AskInt(shell.Question{Text: text, Default: fmt.Sprint(max(present, low))}, low, high)
}

func completeAlertConfig(s *shell.Session, args []string) []string {
	if len(args) <= 1 {
		return startingWith(args, []string{"list", "new", "edit", "delete", "clear", "setup", "from"})
	}
	word := strings.ToLower(args[0])
	switch {
	case len(args) == 2 && (word == "edit" || word == "delete"):
		return startingWith(args, (&alertRecipients{s}).addresses())
	case len(args) == 2 && word == "from":
		return startingWith(args, []string{"default"})
	case word == "setup" && len(args)%2 == 0:
		return startingWith(args, []string{"initial_wait", "max_wait", "digest"})
	case word != "new" && word != "edit" || len(args) == 2:
		return nil
	case len(args)%2 == 1:
		return startingWith(args, []string{"class", "severity"})
	case strings.EqualFold(args[len(args)-2], "class"):
		return startingWith(args, alertClasses())
	}
	return startingWith(args, alertSeverities())
}
