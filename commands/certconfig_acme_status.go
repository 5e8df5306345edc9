package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"posthouse/certstore/acme"
	"posthouse/shell"
)

// renewLimit is how long an operator waits for one certificate.
const renewLimit = 20 * time.Minute

// stateUncommitted is the state of a managed profile that the engine does not know yet.
const stateUncommitted = "Not committed"

// statuses are the managed profiles in force, and those that the next commit brings.
func (m *managed) statuses() []acme.Status {
	all := m.a.Engine.Managed()
	c := m.s.Candidate()
	for _, name := range m.names() {
		if !slices.ContainsFunc(all, func(st acme.Status) bool { return st.Profile == name }) {
			wanted := c.Certificates[name].ACME
			all = append(all, acme.Status{Profile: name, Names: wanted.Names, Challenge: wanted.Challenge, State: stateUncommitted})
		}
	}
	return all
}

type managedJSON struct {
	Directory string        `json:"directory" doc:"the URL of the authority's directory"`
	Profiles  []acme.Status `json:"profiles" doc:"one for each"`
}

func (m *managed) status() error {
	all := m.statuses()
	if m.s.JSON {
		return m.s.PrintJSON(managedJSON{m.s.Candidate().ACME.Directory, append([]acme.Status{}, all...)})
	}
	if len(all) == 0 {
		m.s.Say("No certificate profile is managed by ACME.")
		return nil
	}
	t := shell.Table{Head: []string{"Name", "Challenge", "State", "Expires", "Next order"}, Gap: 1, Min: []int{20, 11, 13, 24, 24}}
	for _, st := range all {
		t.Rows = append(t.Rows, []string{st.Profile, st.Challenge, st.State, instant(st.Expires), due(st.Next)})
	}
	m.s.Table(t)
	for _, st := range all {
		m.printDetails(st)
	}
	return nil
}

// printDetails says what an operator has to know or do beyond the table.
func (m *managed) printDetails(st acme.Status) {
	m.s.Printf("\n%s: %s\n", st.Profile, strings.Join(st.Names, ", "))
	if st.Error != "" {
		m.s.Printf("  Last error (%s, failures in a row: %d): %s\n", instant(st.Tried), st.Failures, st.Error)
	}
	if st.Advised {
		m.s.Println("  The authority has chosen the time of the next order.")
	}
	if len(st.TLSA) == 0 {
		return
	}
	switch {
	case st.Seen.IsZero():
		m.s.Println("  Publish the next key's TLSA record beside the present one; the next order waits for it:")
	case time.Now().Before(st.Usable):
		m.s.Printf("  The next key's TLSA record was seen; it counts from %s:\n", instant(st.Usable))
	default:
		m.s.Println("  The next key's TLSA record is in the DNS:")
	}
	for _, record := range st.TLSA {
		m.s.Println("  " + record)
	}
}

// instant is a time, or a dash for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return stampUTC(t)
}

// due is a time in the future; whatever is past is done as soon as it can be.
func due(t time.Time) string {
	if !t.After(time.Now()) {
		return "now"
	}
	return instant(t)
}

func (m *managed) renewChosen(ctx context.Context) error {
	name, err := m.chooseManaged("Select the certificate profile you wish to renew now:")
	if err != nil {
		return err
	}
	return m.renew(ctx, name)
}

// renew obtains a certificate now and waits for it; Ctrl-C stops the waiting, not the order.
func (m *managed) renew(ctx context.Context, name string) error {
	if err := m.s.Permit("acme", "renew"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	err := m.a.Engine.RenewCertificate(ctx, name)
	switch {
	case err == nil:
		m.s.Say("Certificate profile \"%s\" renewed; the new certificate is in service.", name)
		return nil
	case errors.Is(err, acme.ErrNotManaged):
		return shell.Fail("Error: ACME does not manage certificate profile \"%s\" yet; commit it first.", name)
	case errors.Is(err, acme.ErrWaiting):
		return shell.Fail("Error: the order of certificate profile \"%s\" is %v.", name, err)
	case errors.Is(err, context.Canceled):
		return shell.ErrInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return shell.Fail("Error: the order of certificate profile \"%s\" is still under way; see certconfig acme status.", name)
	}
	return shell.Fail("Failed to renew certificate profile \"%s\": %v.", name, err)
}
