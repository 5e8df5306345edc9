package tlsreport

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/config"
)

// identity is who we are in reports.
type identity struct {
	host         string // the domain part of ids, and the submitter
	organization string
	contact      string
	dkimDomain   string
	selector     string
}

// whoWeAre fills what the settings leave open.
func whoWeAre(c *config.Config) identity {
	r := c.TLSReports
	id := identity{host: c.Hostname, organization: printable(cmp.Or(r.Organization, c.Hostname), 100),
		contact: cmp.Or(r.Contact, "tlsrpt@"+c.Hostname), selector: r.DKIMSelector}
	id.dkimDomain = cmp.Or(r.DKIMDomain, domainOf(id.contact))
	return id
}

func domainOf(address string) string {
	return address[1+strings.LastIndexByte(address, '@'):]
}

// build makes the report of a domain for a period. c.mu is held, or the period is the caller's.
func (d *domain) build(name string, p *period, end time.Time, id identity) Report {
	r := Report{Organization: id.organization, Contact: id.contact, ID: reportID(name, p.Start, end, id),
		Range: Range{Start: p.Start.UTC(), End: end.Add(-time.Second).UTC()}, Policies: []PolicyReport{}}
	if end.Sub(p.Start) < time.Second {
		r.Range.End = r.Range.Start
	}
	for _, t := range d.Policies {
		r.Policies = append(r.Policies, PolicyReport{Policy: t.Policy, Summary: Sessions{t.Successful, t.Failed}, Failures: slices.Clone(t.Failures)})
	}
	return r
}

// reportID is the same for every attempt to send a report, so that who gets it twice can tell (RFC 8460 §4.4).
func reportID(name string, start, end time.Time, id identity) string {
	sum := shortSum(fmt.Sprintf("%s\n%s\n%d\n%d", id.host, name, start.Unix(), end.Unix()))
	return fmt.Sprintf("%s.%s@%s", start.UTC().Format(dayStamp), sum, id.host)
}

// shortSum is enough of a digest to tell one report from another.
func shortSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// compress writes the report as compressed JSON (RFC 8460 §5.2).
func (r Report) compress() ([]byte, error) {
	text, err := marshal(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err = z.Write(text); err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress report: %w", err)
	}
	return b.Bytes(), nil
}

// fileName is the report's name as an attachment (RFC 8460 §5.1).
func (r Report) fileName(name string, id identity) string {
	return fmt.Sprintf("%s!%s!%d!%d.json.gz", id.host, name, r.Range.Start.Unix(), r.Range.End.Unix())
}
