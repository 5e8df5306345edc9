package commands

import (
	"cmp"
	"fmt"

	"posthouse/config"
	"posthouse/shell"
)

// bounceJSON is one profile for programs. Times are in seconds.
type bounceJSON struct {
	Name              string `json:"name" doc:"the profile"`
	MaxRetries        int    `json:"max_retries" doc:"before it bounces"`
	MaxQueueTime      int    `json:"max_queue_time" doc:"seconds"`
	InitialRetry      int    `json:"initial_retry" doc:"seconds"`
	MaxRetry          int    `json:"max_retry" doc:"seconds"`
	HardBounce        bool   `json:"hard_bounce" doc:"a notice for each hard bounce"`
	DSN               bool   `json:"dsn" doc:"notices are in the form of RFC 3464"`
	DelayWarning      bool   `json:"delay_warning" doc:"senders are told of a delay"`
	DelayWarningAfter int    `json:"delay_warning_after" doc:"seconds"`
	DelayWarnings     int    `json:"delay_warnings" doc:"how often at most"`
	NoticeTo          string `json:"notice_to" doc:"an address; empty: the envelope sender"`
}

type bounceProfilesJSON struct {
	Profiles []bounceJSON `json:"bounce_profiles" doc:"in order of name"`
}

func profileJSON(name string, p *config.BounceProfile) bounceJSON {
	return bounceJSON{name, p.MaxRetries, p.MaxQueueTime, p.InitialRetry, p.MaxRetry, p.HardBounce, p.DSN, p.DelayWarning,
		p.DelayWarningAfter, p.DelayWarnings, p.NoticeTo}
}

// list prints a line for each profile.
func (b *bounces) list(names []string) error {
	c := b.s.Candidate()
	if b.s.JSON {
		document := bounceProfilesJSON{Profiles: []bounceJSON{}}
		for _, name := range names {
			document.Profiles = append(document.Profiles, profileJSON(name, c.Bounces[name]))
		}
		return b.s.PrintJSON(document)
	}
	table := shell.Table{
		Head:  []string{"Profile", "Retries", "Queue Time", "First Retry", "Max Retry", "Hard Bounce", "Format", "Delay Warning"},
		Right: []bool{false, true, true, true, true},
		Rule:  "=",
	}
	for _, name := range names {
		p := c.Bounces[name]
		table.Rows = append(table.Rows, []string{name, thousands(p.MaxRetries), fmt.Sprint(p.MaxQueueTime), fmt.Sprint(p.InitialRetry),
			fmt.Sprint(p.MaxRetry), onOff(p.HardBounce), bounceFormat(p), onOff(p.DelayWarning)})
	}
	b.s.Table(table)
	return nil
}

func bounceFormat(p *config.BounceProfile) string {
	if p.DSN {
		return "DSN"
	}
	return "Text"
}

func (b *bounces) detail(rest []string) error {
	names := b.names()
	if len(rest) == 1 {
		name, err := bounceProfileNamed(b.s.Candidate(), rest[0])
		if err != nil {
			return err
		}
		names = []string{name}
	}
	if b.s.JSON {
		return b.list(names)
	}
	for _, name := range names {
		b.printProfile(name, b.s.Candidate().Bounces[name])
	}
	return nil
}

func (b *bounces) printProfile(name string, p *config.BounceProfile) {
	b.s.Printf("\n%s\n Maximum retries: %s\n Maximum time in queue: %d seconds\n", name, thousands(p.MaxRetries), p.MaxQueueTime)
	b.s.Printf(" Initial retry: %d seconds\n Maximum wait between retries: %d seconds\n", p.InitialRetry, p.MaxRetry)
	b.s.Printf(" Message for each hard bounce: %s\n Format: %s\n", onOff(p.HardBounce), bounceFormat(p))
	if p.DelayWarning {
		b.s.Printf(" Delay warning: after %d seconds, at most %d\n", p.DelayWarningAfter, p.DelayWarnings)
	} else {
		b.s.Printf(" Delay warning: off\n")
	}
	b.s.Printf(" Notices to: %s\n", cmp.Or(p.NoticeTo, "the envelope sender"))
}
