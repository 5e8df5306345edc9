package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"posthouse/config"
)

// notice is an alert on its way to people.
type notice struct {
	Alert
	At   time.Time `json:"at"`
	Held int       `json:"held,omitempty"` // duplicates that were held back before it
	To   []string  `json:"to,omitempty"`   // only these: the others have it; empty: whoever has subscribed
}

// group is one message: those who get the same notices, and these.
type group struct {
	to      []string
	notices []notice
}

// groups sorts out who gets what. Recipients of the same notices share a message.
func groups(c *config.Config, list []notice) []group {
	var all []group
	at := map[string]int{}
	for _, address := range slices.Sorted(maps.Keys(c.Alerts.Recipients)) {
		var mine []notice
		key := ""
		for i, n := range list {
			if wants(c, address, n) {
				mine = append(mine, n)
				key += fmt.Sprintf("%d,", i)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if i, ok := at[key]; ok {
			all[i].to = append(all[i].to, address)
			continue
		}
		at[key] = len(all)
		all = append(all, group{to: []string{address}, notices: mine})
	}
	return all
}

// wants says whether an address is to get a notice.
func wants(c *config.Config, address string, n notice) bool {
	if len(n.To) > 0 && !slices.Contains(n.To, address) {
		return false
	}
	_, domain, _ := strings.Cut(address, "@")
	if n.Domain != "" && strings.EqualFold(domain, n.Domain) {
		return false
	}
	return slices.ContainsFunc(c.Alerts.Recipients[address].Subscriptions, func(s config.AlertSubscription) bool {
		class := s.Class == "All" || s.Class == n.Class
		return class && (slices.Contains(s.Severities, "All") || slices.Contains(s.Severities, n.Severity))
	})
}
