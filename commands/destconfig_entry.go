package commands

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"posthouse/config"
	"posthouse/shell"
)

// The bounds of a destination control's numbers.
const (
	concurrencyMost = 1000
	messagesMost    = 1000
	recipientsMost  = 1000000000
	minutesMost     = 60
	messagesUsual   = 50 // proposed where no limit was set
)

// askEntry asks for everything that an entry other than the default may say; entry is filled answer by answer.
func (d *destinations) askEntry(name string, entry *config.Destination, fresh bool) error {
	limit, err := d.s.YesNo("\nDo you wish to configure a concurrency limit for "+name+"?", fresh || entry.Concurrency != nil)
	if err != nil {
		return err
	}
	if !limit {
		entry.Concurrency = nil
	} else if err := d.askConcurrency(name, entry); err != nil {
		return err
	}
	return inOrder(
		func() error { return d.askMessages("this domain", name, entry) },
		func() error { return d.askRecipients("this domain", name, entry) },
		func() error { return d.askLimitReach(name, entry) },
		func() error { return d.askTLS(entry) },
		func() error { return d.askDANE(entry) },
		func() error {
			return refuseLater(d.s, "\nDo you wish to apply a specific bounce verification address tagging setting for this domain?",
				"Bounce verification")
		},
		func() error { return d.askBounceProfile(entry) },
		func() error { return d.askIPSort(entry) },
		func() error { return d.askCertificate(entry) },
		func() error { return d.askAlert(entry) },
	)
}

// askDefault asks for what the default says; it leaves less open than an entry does.
func (d *destinations) askDefault(entry *config.Destination) error {
	const name = config.DefaultDestination
	return inOrder(
		func() error { return d.askConcurrency(name, entry) },
		func() error { return d.askMessages("the default", name, entry) },
		func() error { return d.askRecipients("the default", name, entry) },
		func() error { return d.askLimitReach(name, entry) },
		func() error { return d.chooseTLS(entry) },
		func() error { return d.chooseDANE(entry) },
		func() error {
			return refuseLater(d.s, "\nDo you wish to apply a bounce verification address tagging setting?",
				"Bounce verification")
		},
		func() error { return d.chooseBounceProfile(entry) },
		func() error { return d.askMTASTS(entry) },
	)
}

// inOrder runs the steps of a dialogue until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// valueOr is what p points to, or otherwise.
func valueOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}

func (d *destinations) askConcurrency(name string, entry *config.Destination) error {
	inherited := valueOr(d.config().Destinations[config.DefaultDestination].Concurrency, 500)
	n, err := d.s.AskInt(shell.Question{
		Text:    fmt.Sprintf("\nEnter the max concurrency limit for \"%s\".", name),
		Default: fmt.Sprint(valueOr(entry.Concurrency, inherited)),
	}, 1, concurrencyMost)
	entry.Concurrency = &n
	return err
}

func (d *destinations) askMessages(what, name string, entry *config.Destination) error {
	limit, err := d.s.YesNo("\nDo you wish to apply a messages-per-connection limit to "+what+"?", entry.Messages != nil)
	if err != nil || !limit {
		entry.Messages = nil
		return err
	}
	n, err := d.s.AskInt(shell.Question{
		Text:    fmt.Sprintf("\nEnter the max number of messages per connection for \"%s\".", name),
		Default: fmt.Sprint(valueOr(entry.Messages, messagesUsual)),
	}, 1, messagesMost)
	entry.Messages = &n
	return err
}

func (d *destinations) askRecipients(what, name string, entry *config.Destination) error {
	limit, err := d.s.YesNo("\nDo you wish to apply a recipient limit to "+what+"?", entry.Recipients != nil)
	if err != nil || !limit {
		entry.Recipients, entry.RecipientMinutes = nil, nil
		return err
	}
	minutes, err := d.s.AskInt(shell.Question{
		Text:    "\nEnter the number of minutes used to measure the recipient limit.",
		Default: fmt.Sprint(valueOr(entry.RecipientMinutes, minutesMost)),
	}, 1, minutesMost)
	if err != nil {
		return err
	}
	present := ""
	if entry.Recipients != nil {
		present = fmt.Sprint(*entry.Recipients)
	}
	n, err := d.s.AskInt(shell.Question{
		Text:    fmt.Sprintf("\nEnter the max number of recipients per %d minutes for \"%s\".", minutes, name),
		Default: present,
	}, 1, recipientsMost)
	entry.Recipients, entry.RecipientMinutes = &n, &minutes
	return err
}

// askLimitReach asks what one limit covers, where there is a limit.
func (d *destinations) askLimitReach(name string, entry *config.Destination) error {
	if entry.Concurrency == nil && entry.Recipients == nil {
		entry.LimitPer, entry.LimitApply = "", ""
		return nil
	}
	per, err := d.s.Choose("\nSelect how you want to apply the limits for "+name+":", []string{
		"One limit applies to the entire domain " + name,
		"Separate limit for each mail exchanger IP address",
	}, 1+max(0, slices.Index([]string{"domain", "mx"}, entry.LimitPer)))
	if err != nil {
		return err
	}
	apply, err := d.s.Choose("\nSelect how the limits will be enforced:", []string{"System Wide", "Per Virtual Gateway(tm)"},
		1+max(0, slices.Index([]string{"system", "vg"}, entry.LimitApply)))
	if err != nil {
		return err
	}
	entry.LimitPer = []string{"domain", "mx"}[per-1]
	entry.LimitApply = []string{"system", "vg"}[apply-1]
	d.noteVirtualGateways(entry)
	return nil
}

func (d *destinations) noteVirtualGateways(entry *config.Destination) {
	if entry.LimitApply == "vg" {
		d.s.Say("Note: there are no virtual gateways yet; the limits apply system wide.")
	}
}

func (d *destinations) askTLS(entry *config.Destination) error {
	specific, err := d.s.YesNo("\nDo you wish to apply a specific TLS setting for this domain?", entry.TLS != config.TLSDefault)
	if err != nil || !specific {
		entry.TLS = config.TLSDefault
		return err
	}
	return d.chooseTLS(entry)
}

func (d *destinations) chooseTLS(entry *config.Destination) error {
	present := slices.IndexFunc(tlsLevels[:], func(l tlsLevel) bool { return l.level == entry.TLS })
	i, err := d.s.Choose("\nDo you want to use TLS support?", titlesOfTLS(), 1+max(0, present))
	if err != nil {
		return err
	}
	entry.TLS = tlsLevels[i-1].level
	if entry.TLS != config.TLSNo {
		d.s.Say("\nYou have chosen to enable TLS. Please use the 'certconfig' command to ensure that there is a valid certificate configured.")
	}
	return nil
}

func (d *destinations) askDANE(entry *config.Destination) error {
	specific, err := d.s.YesNo("\nDo you wish to configure DANE support for this domain?", entry.DANE != "")
	if err != nil || !specific {
		entry.DANE = ""
		return err
	}
	return d.chooseDANE(entry)
}

func (d *destinations) chooseDANE(entry *config.Destination) error {
	var titles []string
	present := 1
	for i, l := range daneLevels {
		titles = append(titles, l.title)
		if l.level == entry.DANE {
			present = i + 1
		}
	}
	i, err := d.s.Choose("", titles, present)
	if err != nil {
		return err
	}
	entry.DANE = daneLevels[i-1].level
	return nil
}

func (d *destinations) askBounceProfile(entry *config.Destination) error {
	specific, err := d.s.YesNo("\nDo you wish to apply a specific bounce profile to this domain?", entry.BounceProfile != "")
	if err != nil || !specific {
		entry.BounceProfile = ""
		return err
	}
	return d.chooseBounceProfile(entry)
}

func (d *destinations) chooseBounceProfile(entry *config.Destination) error {
	names := slices.Sorted(maps.Keys(d.config().Bounces))
	present := slices.Index(names, cmp.Or(entry.BounceProfile, config.DefaultBounceProfile))
	i, err := d.s.Choose("\nPlease choose a bounce profile:", names, 1+max(0, present))
	if err != nil {
		return err
	}
	entry.BounceProfile = names[i-1]
	return nil
}

func (d *destinations) askIPSort(entry *config.Destination) error {
	specific, err := d.s.YesNo("\nDo you wish to apply a specific IP sort preference for this domain?", entry.IPSort != "")
	if err != nil || !specific {
		entry.IPSort = ""
		return err
	}
	var titles []string
	present := 1
	for i, p := range ipSorts {
		titles = append(titles, p.title)
		if p.word == entry.IPSort {
			present = i + 1
		}
	}
	i, err := d.s.Choose("", titles, present)
	if err != nil {
		return err
	}
	entry.IPSort = ipSorts[i-1].word
	return nil
}

func (d *destinations) askCertificate(entry *config.Destination) error {
	specific, err := d.s.YesNo("\nDo you wish to apply a specific client certificate to this domain?", entry.Certificate != "")
	if err != nil || !specific {
		entry.Certificate = ""
		return err
	}
	entry.Certificate, err = chooseCertificate(d.s, d.config(), cmp.Or(entry.Certificate, d.config().Delivery.Certificate),
		"Please choose the certificate to apply:")
	return err
}

// askAlert asks for what the global switch leaves open.
func (d *destinations) askAlert(entry *config.Destination) error {
	if d.config().Delivery.TLSAlert {
		return nil
	}
	alert, err := d.s.YesNo("\nDo you wish to send alerts for this domain?", entry.Alert == "on")
	switch {
	case err != nil:
		return err
	case alert:
		entry.Alert = "on"
	case entry.Alert == "on":
		entry.Alert = ""
	}
	return nil
}

func (d *destinations) askMTASTS(entry *config.Destination) error {
	obey, err := d.s.YesNo("\nDo you wish to obey the MTA-STS policies of recipient domains?", entry.MTASTS == "on")
	if err != nil {
		return err
	}
	entry.MTASTS = map[bool]string{true: "on", false: "off"}[obey]
	return nil
}
