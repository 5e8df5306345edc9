package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
)

const (
	linesShown  = 100             // of commit check; --json shows all
	notesShown  = 20              // of a commit
	hopsAsked   = 20              // route hosts that commit check looks up
	hopsPatient = 5 * time.Second // for all of them
)

// consequences is what the candidate would bring about, with the hosts of new routes looked up.
func (c *committing) consequences(ctx context.Context, fresh *config.Config) []config.Consequence {
	running := c.a.Config.Running().Config
	return append(config.Consequences(running, fresh), c.lostRoutes(ctx, running, fresh)...)
}

// consequenceLines are what commit check prints; what was so before comes last and says so.
func consequenceLines(all []config.Consequence) (lines []string) {
	for _, before := range []bool{false, true} {
		for _, found := range all {
			switch {
			case found.Before != before:
			case before:
				lines = append(lines, "As before: "+found.Text)
			default:
				lines = append(lines, found.Text)
			}
		}
	}
	return shortened(lines, linesShown)
}

// graveLines are what a commit mentions: what becomes worse by it.
func graveLines(all []config.Consequence) (lines []string) {
	for _, found := range all {
		if found.Grave && !found.Before {
			lines = append(lines, "Note: "+found.Text)
		}
	}
	return shortened(lines, notesShown)
}

func shortened(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(lines[:most:most], fmt.Sprintf("And %d more.", len(lines)-most))
}

// lostRoutes finds the hosts of routes that are new or changed which do not exist or have no address. A nameserver that
// does not answer says nothing about them.
func (c *committing) lostRoutes(ctx context.Context, running, fresh *config.Config) (list []config.Consequence) {
	ctx, cancel := context.WithTimeout(ctx, hopsPatient)
	defer cancel()
	asked := map[string]bool{} // whether the host is lost
	for _, name := range slices.Sorted(maps.Keys(fresh.Routes)) {
		if was := running.Routes[name]; was != nil && slices.Equal(was.Hops, fresh.Routes[name].Hops) {
			continue
		}
		for _, text := range fresh.Routes[name].Hops {
			h, err := config.ParseHop(text)
			if err != nil || h.Host == "" {
				continue
			}
			lost, known := asked[h.Host]
			if !known && len(asked) < hopsAsked {
				_, err := c.a.Engine.Resolver().Addresses(ctx, h.Host)
				lost = absent(err)
				asked[h.Host] = lost
			}
			if lost {
				list = append(list, config.Consequence{Kind: config.DeadRoute, Object: config.Path("smtp_routes", name), Grave: true,
					Text: fmt.Sprintf("The SMTP route of %s leads to %s, which has no address.", name, h.Host)})
			}
		}
	}
	return list
}

// absent says whether the DNS denies that there is such a thing.
func absent(err error) bool {
	var fault *dns.Error
	return errors.As(err, &fault) && (fault.Kind == dns.NotFound || fault.Kind == dns.NoData)
}

// consequenceJSON is one consequence for programs.
type consequenceJSON struct {
	Kind   string `json:"kind" doc:"a word that stays the same from release to release"`
	Object string `json:"object" doc:"its path, as in posthouse.toml"`
	Text   string `json:"text" doc:"a sentence"`
	Before bool   `json:"before" doc:"it was so before"`
}

func consequencesJSON(all []config.Consequence) []consequenceJSON {
	list := make([]consequenceJSON, len(all))
	for i, found := range all {
		list[i] = consequenceJSON{string(found.Kind), found.Object, found.Text, found.Before}
	}
	return list
}
