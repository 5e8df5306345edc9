package commands

import (
	"context"
	"slices"
	"strings"

	"posthouse/shell"
)

// smaVersion is the version of smaquery's document. It grows when a field goes or gets another meaning, not for a new one.
const smaVersion = 1

func smaQuery(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "smaquery",
		Summary: "Print what a management appliance asks, as one JSON document.",
		Roles:   shell.Readers,
		Batch:   []string{"smaquery [SECTION...]"},
		Help: `Sections: ` + strings.Join(smaSections(), ", ") + `; without one, all of them. The document begins with
its version, 1 now; docs/smaquery.md says what each field means. It only reads, and always prints JSON.

A management appliance gets a user of its own whose key is bound to this command:
sshconfig userkey new smaquery "KEY" command smaquery from ADDRESS`,
		Documents: []shell.Document{{For: "smaquery", Value: SMADocument{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			var sections []string
			for _, word := range args {
				section, err := oneOf("section", word, smaSections()...)
				if err != nil {
					return err
				}
				sections = append(sections, section)
			}
			return s.PrintJSON(newSMAQuery(a, s).document(sections))
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, smaSections()) },
	}
}

// SMADocument is what smaquery prints. A section that was not asked for is left out.
type SMADocument struct {
	Version      int              `json:"version" doc:"of this document: 1"`
	At           string           `json:"at" doc:"when it was made"`
	Identity     *SMAIdentity     `json:"identity,omitempty" doc:"who answers"`
	Features     []SMAFeature     `json:"features,omitzero" doc:"what this appliance can do"`
	Interfaces   []SMAInterface   `json:"interfaces,omitzero" doc:"the IP interfaces, in order of name"`
	Quarantine   *SMAQuarantine   `json:"quarantine,omitempty" doc:"the link to a central quarantine, the.cpq.host"`
	Listeners    []SMAListener    `json:"listeners,omitzero" doc:"the listeners, in order of name"`
	Destinations *SMADestinations `json:"destinations,omitempty" doc:"where mail goes"`
	Certificates []SMACertificate `json:"certificates,omitzero" doc:"the certificate profiles, in order of name"`
	Counters     *SMACounters     `json:"counters,omitempty" doc:"what happened"`
	Gauges       *SMAGauges       `json:"gauges,omitempty" doc:"what is now"`
	System       *SMASystem       `json:"system,omitempty" doc:"how the system stands"`
}

// smaSections are the words for the sections, in the order of the document.
func smaSections() []string {
	return []string{"identity", "features", "interfaces", "quarantine", "listeners", "destinations", "certificates", "counters", "gauges", "system"}
}

// document fills the sections that are asked for; none means all.
func (q *smaQuerying) document(sections []string) SMADocument {
	d := SMADocument{Version: smaVersion, At: rfc3339(q.status.At)}
	for _, part := range []struct {
		name string
		fill func()
	}{
		{"identity", func() { d.Identity = q.identity() }},
		{"features", func() { d.Features = q.features() }},
		{"interfaces", func() { d.Interfaces = q.interfaces() }},
		{"quarantine", func() { d.Quarantine = &SMAQuarantine{} }},
		{"listeners", func() { d.Listeners = q.listeners() }},
		{"destinations", func() { d.Destinations = q.destinations() }},
		{"certificates", func() { d.Certificates = q.certificates() }},
		{"counters", func() { d.Counters = smaCounters(q.status) }},
		{"gauges", func() { d.Gauges = smaGauges(q.status) }},
		{"system", func() { d.System = q.system() }},
	} {
		if len(sections) == 0 || slices.Contains(sections, part.name) {
			part.fill()
		}
	}
	return d
}
