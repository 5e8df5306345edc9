package commands

import (
	"context"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/localtime"
	"posthouse/shell"
)

func setTZ(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "settz",
		Summary: "Set the time zone of logs and screens.",
		Batch:   []string{"settz show", "settz ZONE|host"},
		Help: `ZONE is a name of the zone database, such as Europe/Berlin, America/New_York or Etc/GMT. host stands for the zone of the host
system. With commit it holds for screens and logs, which begin new files then; the Date and Received fields of mail, which carry their
offset from UTC, have it from the next start on. The clock itself belongs to the host system.`,
		Commit:    true,
		Documents: []shell.Document{{For: "settz show", Value: zoneDocument{}}, shell.Says("settz ZONE")},
		Roles:     shell.Readers,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			z := &zoning{s: s}
			switch {
			case len(args) > 1:
				return shell.Usage("Invalid word %q: settz takes the name of a zone.", args[1])
			case s.JSON && (len(args) == 0 || strings.EqualFold(args[0], "show")):
				return s.PrintJSON(z.document())
			case len(args) == 0:
				return z.menu()
			case strings.EqualFold(args[0], "show"):
				z.print()
				return nil
			}
			return z.set(args[0])
		},
		Complete: func(_ *shell.Session, args []string) []string {
			return startingWith(args, append(zoneNames(), "host", "show"))
		},
	}
}

// zoneDocument is what settz --json prints.
type zoneDocument struct {
	TimeZone string `json:"time_zone" doc:"of the configuration; empty: the host's"`
	InForce  string `json:"in_force" doc:"Local is the host's"`
}

// zoning is one run of settz on the session's candidate.
type zoning struct{ s *shell.Session }

func (z *zoning) document() zoneDocument {
	return zoneDocument{z.s.Candidate().TimeZone, localtime.Current().String()}
}

func (z *zoning) print() {
	z.s.Printf("Current time zone: %s\n", zoneName(z.s.Candidate().TimeZone))
}

func (z *zoning) menu() error {
	return z.s.Menu(shell.Menu{
		State: z.print,
		Items: []shell.MenuItem{
			{Keyword: "SETUP", What: "Set the local time zone.", Do: plainly(z.ask)},
			{Keyword: "HOST", What: "Use the time zone of the host system.", Do: plainly(func() error { return z.set("host") })},
		},
	})
}

// zoneName is a setting in words.
func zoneName(zone string) string {
	if zone == "" {
		return "the host's (" + localtime.Host(time.Now()).Format("MST -0700") + ")"
	}
	return zone
}

// ask asks for continent, country and zone; on a host without a list of zones for the zone's name.
func (z *zoning) ask() error {
	table, err := readZones()
	if err != nil {
		return z.askName()
	}
	continents := table.continents()
	n, err := z.s.Choose("Choose your continent:", continents, 0)
	if err != nil {
		return err
	}
	countries := table.countries(continents[n-1])
	country := 0
	if len(countries) > 1 {
		if country, err = z.s.Choose("Choose your country:", countries, 0); err != nil {
			return err
		}
		country--
	}
	zones := table.zones(continents[n-1], countries[country])
	choice := 1
	if len(zones) > 1 {
		if choice, err = z.s.Choose("Choose your timezone:", zones, 0); err != nil {
			return err
		}
	}
	return z.set(zones[choice-1])
}

func (z *zoning) askName() error {
	name, err := z.s.Ask(shell.Question{
		Text:    "Enter the name of the time zone (Ex: \"Europe/Berlin\"):",
		Default: z.s.Candidate().TimeZone, Required: true,
		Check: func(answer string) error { return acceptable(z.s, func(c *config.Config) { c.TimeZone = answer }) },
	})
	if err != nil {
		return err
	}
	return z.set(name)
}

// set stores a zone under the name that the database has for it.
func (z *zoning) set(word string) error {
	zone := word
	if strings.EqualFold(word, "host") {
		zone = ""
	}
	for _, name := range zoneNames() {
		if strings.EqualFold(name, word) {
			zone = name
		}
	}
	if err := acceptable(z.s, func(c *config.Config) { c.TimeZone = zone }); err != nil {
		return err
	}
	if err := change(z.s, func(c *config.Config) error { c.TimeZone = zone; return nil }); err != nil {
		return err
	}
	z.s.Say("Time zone: %s. It holds after commit.", zoneName(zone))
	return nil
}
