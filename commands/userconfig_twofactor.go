package commands

import (
	"time"

	"posthouse/config"
	"posthouse/internal/totp"
	"posthouse/shell"
)

// secondFactorDocument is what --json prints when a second factor is set up; the code is asked for behind it.
type secondFactorDocument struct {
	Name      string `json:"name" doc:"the account"`
	TwoFactor bool   `json:"two_factor" doc:"a code is needed as well"`
	Secret    string `json:"secret,omitempty" doc:"in base32; it is shown this once"`
	URI       string `json:"uri,omitempty" doc:"otpauth://, for an application that scans it"`
}

// twoFactor switches a user's second factor. A new secret is shown once, and holds when a code of it was entered.
func (u *users) twoFactor(name string, on bool) error {
	if !on {
		if u.s.JSON {
			if err := u.s.PrintJSON(secondFactorDocument{Name: name}); err != nil {
				return err
			}
		}
		return change(u.s, func(c *config.Config) error {
			c.Users[name].TwoFactor = false
			delete(c.Refs, config.TwoFactorRef(name))
			return nil
		})
	}
	if u.a.Codes == nil {
		return shell.Fail("Unable to judge codes here.")
	}
	secret := totp.NewSecret()
	if err := u.showSecret(name, secret); err != nil {
		return err
	}
	if _, err := u.s.AskSecret("Enter the code that the application shows now:", func(code string) error {
		if u.a.Codes.Accept(name, secret, code, time.Now()) != nil {
			return shell.Fail("Invalid code: it is not the application's present one; the appliance's clock says %s.", stamp(time.Now()))
		}
		return nil
	}); err != nil {
		return err
	}
	id, err := u.a.Config.Vault().Put("totp", []byte(secret))
	if err != nil {
		return shell.Fail("Failed to store the secret: %w.", err)
	}
	return change(u.s, func(c *config.Config) error {
		c.Users[name].TwoFactor = true
		if c.Refs == nil {
			c.Refs = map[string]string{}
		}
		c.Refs[config.TwoFactorRef(name)] = id
		return nil
	})
}

func (u *users) showSecret(name, secret string) error {
	uri := totp.URI(secret, u.s.Hostname(), name)
	if u.s.JSON {
		return u.s.PrintJSON(secondFactorDocument{name, true, secret, uri})
	}
	u.s.Printf("Enter this secret into the authenticator application; it is shown this once.\nSecret: %s\nURI: %s\n", secret, uri)
	return nil
}
