package commands

import (
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// destinationKeys are the keys of the batch forms new, edit and default.
var destinationKeys = []string{
	"concurrency", "messages", "recipients", "per", "apply", "tls", "dane", "certificate", "bounceprofile", "ipsort", "alert", "mta_sts",
}

func (d *destinations) batch(args []string) error {
	return dispatch("destconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return d.list() }},
		{"detail", 0, 1, d.batchDetail},
		{"new", 1, -1, d.batchNew},
		{"edit", 3, -1, d.batchEdit},
		{"delete", 1, 1, d.batchDelete},
		{"default", 2, -1, func(rest []string) error { return d.batchChange(config.DefaultDestination, rest) }},
		{"setup", 2, -1, d.batchSetup},
		{"clear", 0, 0, func([]string) error { return d.removeAll() }},
		{"import", 1, 1, func(rest []string) error { return d.readTable(rest[0]) }},
		{"export", 1, 1, func(rest []string) error { return d.writeTable(rest[0]) }},
	})
}

func (d *destinations) batchDetail(rest []string) error {
	if len(rest) == 0 {
		return d.printDetails("ALL")
	}
	return d.printDetails(rest[0])
}

func (d *destinations) batchNew(rest []string) error {
	name, err := d.fresh(rest[0])
	if err != nil {
		return err
	}
	entry := &config.Destination{}
	if err := applySettings(rest[1:], d.settings(entry, false)); err != nil {
		return err
	}
	d.completeEntry(entry)
	return d.put(name, entry)
}

func (d *destinations) batchEdit(rest []string) error {
	name, err := d.known(rest[0])
	if err != nil {
		return err
	}
	return d.batchChange(name, rest[1:])
}

func (d *destinations) batchChange(name string, words []string) error {
	entry := *d.config().Destinations[name]
	if err := applySettings(words, d.settings(&entry, name == config.DefaultDestination)); err != nil {
		return err
	}
	d.completeEntry(&entry)
	return d.put(name, &entry)
}

func (d *destinations) batchDelete(rest []string) error {
	name, err := d.known(rest[0])
	if err != nil {
		return err
	}
	return d.removeEntry(name)
}

func (d *destinations) batchSetup(rest []string) error {
	return applySettings(rest, []setting{
		{"certificate", func(v string) error {
			name, err := profileNamed(d.config(), v)
			if err != nil {
				return err
			}
			return d.setCertificate(name)
		}},
		{"alert", func(v string) error {
			on, err := switched("alert", v)
			if err != nil {
				return err
			}
			return d.setAlert(on)
		}},
	})
}

// completeEntry makes an entry of a batch form what the dialogue would have made of the same answers: the two ways to
// enter a setting give the same file.
func (d *destinations) completeEntry(entry *config.Destination) {
	if entry.Concurrency == nil && entry.Recipients == nil {
		entry.LimitPer, entry.LimitApply = "", ""
		return
	}
	if entry.LimitPer == "" {
		entry.LimitPer = "domain"
	}
	if entry.LimitApply == "" {
		entry.LimitApply = "system"
	}
	d.noteVirtualGateways(entry)
}

// settings is what every key does to entry. The default entry must keep its own concurrency and what it says of TLS.
func (d *destinations) settings(entry *config.Destination, isDefault bool) []setting {
	keep := func(v string, set func(string) error) error {
		if isDefault && strings.EqualFold(v, "default") {
			return shell.Fail("Invalid value %q: the default itself needs a value here.", v)
		}
		return set(v)
	}
	return []setting{
		{"concurrency", func(v string) error {
			return keep(v, func(v string) (err error) {
				entry.Concurrency, err = numberOrDefault("concurrency", v, 1, concurrencyMost)
				return err
			})
		}},
		{"messages", func(v string) (err error) {
			entry.Messages, err = numberOrDefault("number of messages", v, 1, messagesMost)
			return err
		}},
		{"recipients", func(v string) error { return readRecipientLimit(entry, v) }},
		{"per", func(v string) (err error) { entry.LimitPer, err = oneOf("limit", v, "domain", "mx"); return err }},
		{"apply", func(v string) (err error) { entry.LimitApply, err = oneOf("limit", v, "system", "vg"); return err }},
		{"tls", func(v string) error {
			return keep(v, func(v string) (err error) { entry.TLS, err = readTLS(v); return err })
		}},
		{"dane", func(v string) error {
			return keep(v, func(v string) (err error) { entry.DANE, err = readDANE(v); return err })
		}},
		{"certificate", func(v string) (err error) { entry.Certificate, err = d.certificateOrDefault(v); return err }},
		{"bounceprofile", func(v string) (err error) {
			// The profile is called Default; the word default takes the setting back, as it does behind every key.
			if v == "default" {
				entry.BounceProfile = ""
				return nil
			}
			entry.BounceProfile, err = bounceProfileNamed(d.config(), v)
			return err
		}},
		{"ipsort", func(v string) (err error) { entry.IPSort, err = readIPSort(v); return err }},
		{"alert", func(v string) error {
			return keep(v, func(v string) (err error) { entry.Alert, err = readSwitch("alert", v); return err })
		}},
		{"mta_sts", func(v string) error {
			return keep(v, func(v string) (err error) { entry.MTASTS, err = readSwitch("MTA-STS setting", v); return err })
		}},
	}
}

func readRecipientLimit(entry *config.Destination, v string) error {
	if strings.EqualFold(v, "default") || strings.EqualFold(v, "none") {
		entry.Recipients, entry.RecipientMinutes = nil, nil
		return nil
	}
	count, per, ok := strings.Cut(v, "/")
	if !ok {
		return shell.Fail("Invalid recipient limit %q: N/MINUTES is accepted, such as 1000/60.", v)
	}
	n, err := number("recipient limit", count, 1, recipientsMost)
	if err != nil {
		return err
	}
	minutes, err := number("number of minutes", per, 1, minutesMost)
	if err != nil {
		return err
	}
	entry.Recipients, entry.RecipientMinutes = &n, &minutes
	return nil
}

// numberOrDefault is nil for default.
func numberOrDefault(what, v string, low, high int) (*int, error) {
	if strings.EqualFold(v, "default") {
		return nil, nil
	}
	n, err := number(what, v, low, high)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func (d *destinations) certificateOrDefault(v string) (string, error) {
	if strings.EqualFold(v, "default") {
		return "", nil
	}
	return profileNamed(d.config(), v)
}

func readIPSort(v string) (string, error) {
	word, err := oneOf("IP sort preference", v, "default", "prefer-v6", "require-v6", "prefer-v4", "require-v4")
	if word == "default" {
		word = ""
	}
	return word, err
}

// bounceProfileNamed is the bounce profile of that name in any case.
func bounceProfileNamed(c *config.Config, word string) (string, error) {
	names := slices.Sorted(maps.Keys(c.Bounces))
	i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, word) })
	if i < 0 {
		return "", shell.Fail("Unknown bounce profile %q: %s.", word, acceptedAre(names))
	}
	return names[i], nil
}
