package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

const day = 24 * time.Hour

func (p *profiles) printList() {
	p.s.Println("\nList of Certificates")
	t := shell.Table{
		Head: []string{"Name", "Common Name", "Issued By", "Status", "Remaining"},
		Gap:  1, Min: []int{20, 20, 20, 9, 15},
	}
	c := p.s.Candidate()
	for _, name := range listedNames(c) {
		t.Rows = append(t.Rows, p.row(c, name))
	}
	p.s.Table(t)
	for _, name := range listedNames(c) {
		p.printEarlyEnd(c, name)
	}
}

// listedNames are the profiles in the order of the list: Demo, those with a certificate, those that wait for one.
func listedNames(c *config.Config) []string {
	rank := func(name string) int {
		switch {
		case name == config.DemoCertificate:
			return 0
		case c.Certificates[name].Pending:
			return 2
		}
		return 1
	}
	names := profileNames(c)
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

// printEarlyEnd names an intermediate that ends before its leaf: the days of the list are those of the whole chain.
func (p *profiles) printEarlyEnd(c *config.Config, name string) {
	profile, err := p.a.Certs.Get(c.Refs[config.CertificateRef(name)])
	if err != nil || c.Certificates[name].Pending {
		return
	}
	if first := profile.Ends(); first.NotAfter.Before(profile.NotAfter()) {
		p.s.Say("In profile \"%s\" the intermediate certificate %s ends first, on %s.", name, certstore.DN(first.Subject), stampUTC(first.NotAfter))
	}
}

// row is one line of the list.
func (p *profiles) row(c *config.Config, name string) []string {
	profile, err := p.a.Certs.Get(c.Refs[config.CertificateRef(name)])
	if err != nil {
		return []string{name, "(missing)", "-", "Missing", "-"}
	}
	now := time.Now()
	status := profile.Status(now, c.Certificates[name].Pending)
	if status == certstore.StatusPending {
		waits := "(CSR pending)"
		if c.Certificates[name].ACME != nil {
			waits = "(ACME pending)"
		}
		return []string{name, profile.CommonName(), waits, status, "-"}
	}
	return []string{name, profile.CommonName(), profile.Issuer(), status, remaining(profile.Ends().NotAfter.Sub(now))}
}

// remaining writes what is left in whole days.
func remaining(left time.Duration) string {
	switch n := max(0, int(left/day)); n {
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

// profileReport is what --json prints of a profile.
type profileReport struct {
	Name       string     `json:"name" doc:"the profile"`
	CommonName string     `json:"common_name" doc:"of the leaf"`
	Issuer     string     `json:"issued_by" doc:"the issuer"`
	Status     string     `json:"status" doc:"active, expiring, expired, pending, not yet valid, missing"`
	NotAfter   *time.Time `json:"not_after" doc:"when it ends; null where the certificate is missing"`
	Remaining  *int       `json:"remaining_days" doc:"null where the certificate is missing"`
	Keys       []string   `json:"keys" doc:"kinds and sizes"`
	Pending    bool       `json:"pending" doc:"a signing request waits for its answer"`
	UsedBy     []string   `json:"used_by" doc:"services"`
	// EndsFirst is the intermediate that ends before the leaves; NotAfter and Remaining are its then. Empty: none does.
	EndsFirst string `json:"ends_first,omitempty" doc:"an intermediate that ends before the leaf"`
	Managed   bool   `json:"acme" doc:"ACME manages it"`
}

type profilesJSON struct {
	Certificates []profileReport `json:"certificates" doc:"in order of name, Demo last"`
}

type servicesJSON struct {
	Services []use `json:"services" doc:"in the order of certconfig print"`
}

func (p *profiles) report(c *config.Config, name string) profileReport {
	r := profileReport{
		Name: name, Status: "missing", Pending: c.Certificates[name].Pending, Managed: c.Certificates[name].ACME != nil,
		Keys: []string{}, UsedBy: append([]string{}, usersOf(c, name)...),
	}
	profile, err := p.a.Certs.Get(c.Refs[config.CertificateRef(name)])
	if err != nil {
		return r
	}
	now := time.Now()
	first := profile.Ends()
	end := first.NotAfter.UTC()
	if end.Before(profile.NotAfter()) {
		r.EndsFirst = certstore.DN(first.Subject)
	}
	days := int(end.Sub(now) / day)
	r.CommonName, r.Issuer, r.NotAfter, r.Remaining = profile.CommonName(), profile.Issuer(), &end, &days
	r.Status = strings.ToLower(profile.Status(now, r.Pending))
	r.Keys = keyKinds(profile)
	return r
}

func (p *profiles) list() error {
	if !p.s.JSON {
		p.printList()
		return nil
	}
	c := p.s.Candidate()
	list := []profileReport{}
	for _, name := range profileNames(c) {
		list = append(list, p.report(c, name))
	}
	return p.s.PrintJSON(profilesJSON{list})
}

// printUses shows which certificate each service has.
func (p *profiles) printUses() error {
	uses := certificateUses(p.s.Candidate())
	if p.s.JSON {
		return p.s.PrintJSON(servicesJSON{append([]use{}, uses...)})
	}
	t := shell.Table{Head: []string{"Service", "Certificate"}, Gap: 1, Min: []int{32, 20}}
	for _, u := range uses {
		t.Rows = append(t.Rows, []string{u.Service, orNone(strings.Join(u.Certificates, ", "))})
	}
	p.s.Table(t)
	return nil
}

// remove is the dialogue of DELETE.
func (p *profiles) remove() error {
	names := p.own()
	n, err := p.s.Pick(shell.Choice{Options: names, Question: "Select the certificate profile you wish to delete:"})
	if err != nil {
		return err
	}
	return p.removeProfile(names[n-1])
}

func (p *profiles) removeProfile(name string) error {
	if name == config.DemoCertificate {
		return shell.Fail("Error: Certificate profile \"%s\" belongs to the appliance and cannot be deleted.", name)
	}
	err := change(p.s, func(c *config.Config) error {
		if users := usersOf(c, name); len(users) > 0 {
			return shell.Fail("Error: Certificate profile \"%s\" is used by %s.", name, strings.Join(users, ", "))
		}
		delete(c.Certificates, name)
		delete(c.Refs, config.CertificateRef(name))
		return nil
	})
	if err == nil {
		p.s.Say("Certificate profile \"%s\" deleted.", name)
	}
	return err
}
