package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func smtpRoutes(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "smtproutes",
		Summary:  "Configure permanent routes for destination domains.",
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "export"),
		Batch: []string{
			"smtproutes new SOURCE DEST[,DEST]",
			"smtproutes edit SOURCE DEST[,DEST]",
			"smtproutes delete SOURCE",
			"smtproutes print",
			"smtproutes import FILE",
			"smtproutes export FILE",
			"smtproutes clear",
		},
		Help: `SOURCE is a recipient's domain, ".domain" for everything below it, or ALL for every domain that no other route
matches. DEST is HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT, USEDNS for the domain's own mail exchangers, or /dev/null
to discard. PRIORITY/HOST gives an order: the lowest number is tried first.

A file has one route a line, "SOURCE DEST,DEST"; what follows a # is a comment. An import replaces every route.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "smtproutes print", Value: routesJSON{}},
			shell.Says("smtproutes new, edit, delete, import, export, clear"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			r := &routes{a, s}
			if len(args) > 0 {
				return r.batch(args)
			}
			if s.JSON {
				return r.print()
			}
			return r.menu()
		},
		Complete: func(s *shell.Session, args []string) []string {
			switch {
			case len(args) <= 1:
				return startingWith(args, []string{"new", "edit", "delete", "print", "import", "export", "clear"})
			case len(args) == 2 && (args[0] == "edit" || args[0] == "delete"):
				return startingWith(args, sources(s.Candidate()))
			case len(args) == 2 && args[0] == "import":
				return startingWith(args, fileNames(a))
			}
			return nil
		},
	}
}

// routes is one run of smtproutes on the session's candidate.
type routes struct {
	a *Appliance
	s *shell.Session
}

func sources(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Routes)) }

func (r *routes) batch(args []string) error {
	return dispatch("smtproutes", args, []subcommand{
		{"new", 2, -1, func(rest []string) error { return r.batchSet(rest, r.fresh) }},
		{"edit", 2, -1, func(rest []string) error { return r.batchSet(rest, r.known) }},
		{"delete", 1, 1, func(rest []string) error { return r.remove(rest[0]) }},
		{"print", 0, 0, func([]string) error { return r.print() }},
		{"import", 1, 1, func(rest []string) error { return r.readRoutes(rest[0]) }},
		{"export", 1, 1, func(rest []string) error { return r.writeRoutes(rest[0]) }},
		{"clear", 0, 0, func([]string) error { return r.put(nil) }},
	})
}

func (r *routes) batchSet(rest []string, key func(string) (string, error)) error {
	source, err := key(rest[0])
	if err != nil {
		return err
	}
	return r.set(source, strings.Join(rest[1:], ","))
}

func (r *routes) menu() error {
	empty := func() bool { return len(r.s.Candidate().Routes) == 0 }
	return r.s.Menu(shell.Menu{
		Tight: true,
		State: func() {
			if empty() {
				r.s.Say("There are no routes configured.")
				return
			}
			r.s.Say("There are currently %d routes configured.", len(r.s.Candidate().Routes))
		},
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new route.", Do: plainly(r.create)},
			{Keyword: "EDIT", What: "Edit destinations of an existing route.", Do: plainly(r.edit), Hidden: empty},
			{Keyword: "DELETE", What: "Remove a route.", Do: plainly(r.askRemove), Hidden: empty},
			{Keyword: "PRINT", What: "Display all routes.", Do: plainly(r.print), Hidden: empty},
			{Keyword: "IMPORT", What: "Import new routes from a file.", Do: plainly(r.askImport)},
			{Keyword: "EXPORT", What: "Export all routes to a file.", Do: plainly(r.askExport), Hidden: empty},
			{Keyword: "CLEAR", What: "Remove all routes.", Do: plainly(r.clear), Hidden: empty},
		},
	})
}

func (r *routes) create() error {
	source, err := r.s.Ask(shell.Question{
		Text: "Enter the domain for which you want to set up a permanent route.\n" +
			"Partial hostnames such as \".example.com\" are allowed.\nUse \"ALL\" for the default route.",
		Check:    func(answer string) error { _, err := r.fresh(answer); return err },
		Required: true,
	})
	if err != nil {
		return err
	}
	if source, err = r.fresh(source); err != nil {
		return err
	}
	return r.askHops(source, "")
}

func (r *routes) edit() error {
	source, err := r.askKnown("Enter the domain of the route you wish to edit.")
	if err != nil {
		return err
	}
	return r.askHops(source, strings.Join(r.s.Candidate().Routes[source].Hops, ","))
}

func (r *routes) askHops(source, present string) error {
	hops, err := r.s.Ask(shell.Question{
		Text: "Enter the destination hosts, separated by commas, which you want mail for " + source + " to be delivered.\n" +
			"Each is HOST, HOST:PORT, [ADDRESS]:PORT, USEDNS for normal resolution, /dev/null to discard, or PRIORITY/HOST.",
		Default:  present,
		Required: true,
		Check:    func(answer string) error { return r.acceptable(source, answer) },
	})
	if err != nil {
		return err
	}
	return r.set(source, hops)
}

func (r *routes) askKnown(text string) (string, error) {
	answer, err := r.s.Ask(shell.Question{
		Text: text, Required: true,
		Check:    func(answer string) error { _, err := r.known(answer); return err },
		Complete: func() []string { return sources(r.s.Candidate()) },
	})
	if err != nil {
		return "", err
	}
	return r.known(answer)
}

func (r *routes) askRemove() error {
	source, err := r.askKnown("Enter the domain of the route you wish to delete.")
	if err != nil {
		return err
	}
	return r.remove(source)
}

func (r *routes) clear() error {
	sure, err := r.s.YesNo("Are you sure you want to remove all routes?", false)
	if err != nil || !sure {
		return err
	}
	return r.put(nil)
}

// sourceKey is a typed source as the configuration has it.
func sourceKey(word string) string {
	if strings.EqualFold(word, config.RouteAll) {
		return config.RouteAll
	}
	return hostWord(word)
}

// fresh is the key of a route that is not there yet.
func (r *routes) fresh(word string) (string, error) {
	source := sourceKey(word)
	if r.s.Candidate().Routes[source] != nil {
		return "", shell.Fail("Invalid domain %q: it has a route already, which can be edited.", word)
	}
	return source, r.acceptable(source, "USEDNS")
}

// known is the key of a route that is there.
func (r *routes) known(word string) (string, error) {
	source := sourceKey(word)
	if r.s.Candidate().Routes[source] == nil {
		return "", shell.Fail("Unknown route %q: smtproutes print shows the routes.", word)
	}
	return source, nil
}

// splitHops takes a list of destinations apart.
func splitHops(text string) []string {
	var hops []string
	for hop := range strings.SplitSeq(text, ",") {
		if hop = strings.TrimSpace(hop); hop != "" {
			hops = append(hops, hopWord(hop))
		}
	}
	return hops
}

// hopWord writes a destination host in one way, so that the same route gives the same file.
func hopWord(word string) string {
	word = strings.ToLower(word)
	if priority, ok := strings.CutSuffix(word, "usedns"); ok && (priority == "" || strings.HasSuffix(priority, "/")) {
		return priority + "USEDNS"
	}
	return word
}

func (r *routes) acceptable(source, hops string) error {
	return acceptable(r.s, func(c *config.Config) { setRoute(c, source, splitHops(hops)) })
}

func setRoute(c *config.Config, source string, hops []string) {
	if c.Routes == nil {
		c.Routes = map[string]*config.Route{}
	}
	c.Routes[source] = &config.Route{Hops: hops}
}

func (r *routes) set(source, text string) error {
	hops := splitHops(text)
	if len(hops) == 0 {
		return shell.Fail("Invalid destination %q: at least one host is needed.", text)
	}
	if err := change(r.s, func(c *config.Config) error { setRoute(c, source, hops); return nil }); err != nil {
		return err
	}
	r.s.Say("Mapping for %s to %s created.", source, strings.Join(hops, ", "))
	return nil
}

func (r *routes) remove(word string) error {
	source, err := r.known(word)
	if err != nil {
		return err
	}
	return change(r.s, func(c *config.Config) error { delete(c.Routes, source); return nil })
}

func (r *routes) put(all map[string]*config.Route) error {
	return change(r.s, func(c *config.Config) error { c.Routes = all; return nil })
}

type routesJSON struct {
	Routes []routeJSON `json:"routes" doc:"in order of domain"`
}

type routeJSON struct {
	Domain       string   `json:"domain" doc:"a domain, .domain for those below it, or ALL"`
	Destinations []string `json:"destinations" doc:"hosts as they are typed: [PRIORITY/]HOST[:PORT], USEDNS or /dev/null"`
}

func (r *routes) print() error {
	c := r.s.Candidate()
	if r.s.JSON {
		list := []routeJSON{}
		for _, source := range sources(c) {
			list = append(list, routeJSON{source, c.Routes[source].Hops})
		}
		return r.s.PrintJSON(routesJSON{list})
	}
	r.s.Print(formatRoutes(c))
	return nil
}

// formatRoutes writes every route as an import reads it.
func formatRoutes(c *config.Config) string {
	var b strings.Builder
	for _, source := range sources(c) {
		fmt.Fprintf(&b, "%s %s\n", source, strings.Join(c.Routes[source].Hops, ","))
	}
	return b.String()
}
