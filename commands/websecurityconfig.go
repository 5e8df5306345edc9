package commands

import (
	"context"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// noFilterYet is said wherever URL filtering is switched or shown: the settings are kept, the filter is not built.
const noFilterYet = "URL filtering itself is not in this version: the settings are kept and no message is filtered."

func webSecurityConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "websecurityconfig",
		Summary: "Configure URL filtering and its client certificate.",
		Roles:   shell.Readers,
		Batch: []string{
			"websecurityconfig show",
			"websecurityconfig enable",
			"websecurityconfig disable",
			"websecurityconfig certificate NAME|none",
		},
		Help: `The switch and the choice of the client certificate are kept for the service that URLs are looked up with.
` + noFilterYet + `
Web interaction tracking, URL lists and the address of the service come with it.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "websecurityconfig show", Value: webSecurityJSON{}},
			shell.Says("websecurityconfig enable, disable, certificate"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) == 0 && !s.JSON {
				return askWebSecurity(a, s)
			}
			return webSecurityBatch(a, s, args)
		},
		Complete: func(s *shell.Session, args []string) []string {
			switch {
			case len(args) <= 1:
				return startingWith(args, []string{"show", "enable", "disable", "certificate"})
			case len(args) == 2 && args[0] == "certificate":
				return startingWith(args, append(profileNames(s.Candidate()), "none"))
			}
			return nil
		},
	}
}

func askWebSecurity(a *Appliance, s *shell.Session) error {
	u := s.Candidate().URLFilter
	var err error
	if u.Enabled, err = s.YesNo("Enable URL Filtering?", u.Enabled); err != nil {
		return err
	}
	if u.Enabled {
		if err := refuseLater(s, "Do you wish to enable Web Interaction Tracking?", "Web Interaction Tracking"); err != nil {
			return err
		}
		if err := refuseLater(s, "Do you want to add URLs to the allowed list using a URL list?", "A URL list"); err != nil {
			return err
		}
		if err := askWebCertificate(a, s, &u); err != nil {
			return err
		}
	}
	if err := storeWebSecurity(s, u); err != nil {
		return err
	}
	if u.Enabled {
		s.Say("URL Filtering is enabled.")
	} else {
		s.Say("URL Filtering is disabled.")
	}
	s.Say("%s", noFilterYet)
	return nil
}

// refuseLater asks a question whose yes comes with a later version.
func refuseLater(s *shell.Session, question, what string) error {
	yes, err := s.YesNo(question, false)
	if err == nil && yes {
		s.Say("%s is not available in this version; it stays off.", what)
	}
	return err
}

func askWebCertificate(a *Appliance, s *shell.Session, u *config.URLFilter) error {
	set, err := s.YesNo("Do you want to set client certificate for Cisco Web Security Services Authentication?", u.Certificate != "")
	if err != nil {
		return err
	}
	if !set {
		u.Certificate = ""
		return nil
	}
	current := u.Certificate
	if current == "" {
		current = config.DemoCertificate
	}
	u.Certificate, err = chooseCertificate(s, s.Candidate(), current, "Choose the certificate to be used for Web Security Services Authentication:")
	if err == nil {
		warnOfCertificate(a, s, s.Candidate(), u.Certificate)
	}
	return err
}

func storeWebSecurity(s *shell.Session, u config.URLFilter) error {
	return change(s, func(c *config.Config) error { c.URLFilter = u; return nil })
}

func webSecurityBatch(a *Appliance, s *shell.Session, args []string) error {
	if len(args) == 0 {
		args = []string{"show"}
	}
	u := s.Candidate().URLFilter
	return dispatch("websecurityconfig", args, []subcommand{
		{"show", 0, 0, func([]string) error { return showWebSecurity(a, s, u) }},
		{"enable", 0, 0, func([]string) error { u.Enabled = true; s.Say("%s", noFilterYet); return storeWebSecurity(s, u) }},
		{"disable", 0, 0, func([]string) error { u.Enabled = false; return storeWebSecurity(s, u) }},
		{"certificate", 1, 1, func(args []string) error { return setWebCertificate(a, s, u, args[0]) }},
		{"service", 1, 1, func([]string) error {
			return shell.Fail("Error: the address of the URL filtering service is not available in this version.")
		}},
	})
}

func setWebCertificate(a *Appliance, s *shell.Session, u config.URLFilter, name string) error {
	u.Certificate = ""
	if !strings.EqualFold(name, "none") {
		var err error
		if u.Certificate, err = profileNamed(s.Candidate(), name); err != nil {
			return err
		}
		warnOfCertificate(a, s, s.Candidate(), u.Certificate)
	}
	return storeWebSecurity(s, u)
}

type webSecurityJSON struct {
	Enabled     bool   `json:"enabled" doc:"it is in use"`
	Certificate string `json:"certificate" doc:"the client certificate's profile; empty: none"`
	Filters     bool   `json:"filters" doc:"URLs are filtered in fact; false in this version"`
}

func showWebSecurity(a *Appliance, s *shell.Session, u config.URLFilter) error {
	if s.JSON {
		return s.PrintJSON(webSecurityJSON{u.Enabled, u.Certificate, false})
	}
	state := "disabled"
	if u.Enabled {
		state = "enabled"
	}
	s.Printf("URL Filtering is %s.\nClient certificate: %s\n", state, orNone(u.Certificate))
	if slices.Contains(profileNames(s.Candidate()), u.Certificate) {
		warnOfCertificate(a, s, s.Candidate(), u.Certificate)
	}
	s.Say("%s", noFilterYet)
	return nil
}

// orNone is text, or what screens show where there is none.
func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}
