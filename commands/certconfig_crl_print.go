package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/certstore"
	"posthouse/shell"
)

// fetched is what the engine knows of each source that is in force.
func (r *revocation) fetched() map[string]certstore.CRLStatus {
	known := map[string]certstore.CRLStatus{}
	for _, st := range r.a.Engine.CRLs() {
		known[st.Name] = st
	}
	return known
}

// crlReport is what --json prints of a source.
type crlReport struct {
	certstore.CRLStatus
	Enabled bool `json:"enabled" doc:"it is in use"`
	InForce bool `json:"in_force" doc:"it is committed"`
}

type revocationJSON struct {
	Inbound  bool        `json:"inbound" doc:"certificates of clients that connect are looked for"`
	Outbound bool        `json:"outbound" doc:"certificates of servers that mail goes to are looked for"`
	GUI      bool        `json:"gui" doc:"certificates of the web interface's clients are looked for"`
	Sources  []crlReport `json:"sources" doc:"in order of name"`
}

type fetchedListsJSON struct {
	Sources []certstore.CRLStatus `json:"sources" doc:"in order of name"`
}

func (r *revocation) reports() []crlReport {
	known := r.fetched()
	reports := []crlReport{}
	for _, name := range r.names() {
		src := r.settings().Sources[name]
		st, ok := known[name]
		if !ok || st.URL != src.URL {
			st, ok = certstore.CRLStatus{Name: name, URL: src.URL, Stale: true}, false
		}
		st.Interval = src.Interval
		reports = append(reports, crlReport{st, !src.Disabled, ok})
	}
	return reports
}

// print shows each source with what was fetched.
func (r *revocation) print() error {
	set, reports := r.settings(), r.reports()
	if r.s.JSON {
		return r.s.PrintJSON(revocationJSON{set.Inbound, set.Outbound, set.GUI, reports})
	}
	r.s.Printf("Inbound: %s, Outbound: %s, GUI: %s\n", enabledWord(set.Inbound), enabledWord(set.Outbound), enabledWord(set.GUI))
	if len(reports) == 0 {
		r.s.Say("There is no source.")
	}
	for _, rep := range reports {
		r.s.Printf("\n%s\n", rep.Name)
		for _, line := range rep.lines() {
			r.s.Printf("   %s\n", line)
		}
	}
	return nil
}

func (rep crlReport) lines() []string {
	lines := []string{"URL: " + rep.URL, fmt.Sprintf("Fetched every %d minutes", rep.Interval)}
	switch {
	case !rep.Enabled:
		return append(lines, "Disabled")
	case !rep.InForce:
		return append(lines, "Not in force until it is committed")
	}
	return append(lines, statusLines(rep.CRLStatus)...)
}

func statusLines(st certstore.CRLStatus) (lines []string) {
	if st.Issuer == "" {
		lines = append(lines, "Never fetched")
	} else {
		checked := "not checked yet, since no chain has shown its issuer"
		if st.Verified {
			checked = "checked"
		}
		lines = append(lines, "Issuer: "+st.Issuer+" (signature "+checked+")",
			fmt.Sprintf("Revoked certificates: %s", thousands(st.Revoked)),
			fmt.Sprintf("Issued: %s, next: %s", stamp(st.ThisUpdate), orUnknown(st.NextUpdate)),
			"Fetched: "+stamp(st.Fetched))
		if st.Stale {
			lines = append(lines, "Stale")
		}
	}
	if st.Fault != "" {
		lines = append(lines, "The last fetch brought none: "+st.Fault)
	}
	return lines
}

func orUnknown(t time.Time) string {
	if t.IsZero() {
		return "not said"
	}
	return stamp(t)
}

// update fetches the sources of the running configuration.
func (r *revocation) update(ctx context.Context) error {
	if err := r.s.Permit("crl", "update"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, crlUpdateLimit, fmt.Errorf("not there within %v", crlUpdateLimit))
	defer cancel()
	all := r.a.Engine.UpdateCRLs(ctx)
	if len(all) == 0 {
		return shell.Fail("Error: no source is in force; commit one first.")
	}
	bad := 0
	for _, st := range all {
		if st.Fault != "" {
			bad++
		}
	}
	if r.s.JSON {
		if err := r.s.PrintJSON(fetchedListsJSON{all}); err != nil {
			return err
		}
	} else {
		r.printUpdate(all)
	}
	if bad > 0 {
		return shell.Fail("Failed to fetch %d of %d lists.", bad, len(all))
	}
	return nil
}

func (r *revocation) printUpdate(all []certstore.CRLStatus) {
	for _, st := range all {
		if st.Fault != "" {
			r.s.Printf("%s: %s\n", st.Name, st.Fault)
			continue
		}
		r.s.Printf("%s: %s revoked certificates, next list %s\n", st.Name, thousands(st.Revoked), orUnknown(st.NextUpdate))
	}
}
