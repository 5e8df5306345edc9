package commands

import (
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// accountDraft is the account while a batch form changes it, with the secrets that are still to be asked for.
type accountDraft struct {
	m       *managed
	c       *config.Config
	secrets []secret
}

// batchSetup takes key value pairs in any order. Secrets are read from standard input when all of them are understood.
func (m *managed) batchSetup(args []string) error {
	return m.setAccount(func(c *config.Config) error {
		d := &accountDraft{m: m, c: c}
		if err := applySettings(args, d.settings()); err != nil {
			return err
		}
		for _, which := range []secret{bindingSecret(), updateSecret()} {
			for _, wanted := range d.secrets {
				if wanted.ref != which.ref {
					continue
				}
				if err := m.askSecret(c, which); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// settings are the keys of "certconfig acme setup".
func (d *accountDraft) settings() []setting {
	conf := &d.c.ACME
	return []setting{
		{"directory", d.directory},
		{"contact", func(v string) error { conf.Contact = commaList(unlessNone(v)); return nil }},
		{"terms", func(v string) error {
			word, err := oneOf("terms", v, "agreed", "refused")
			conf.TermsAgreed = word == "agreed"
			return err
		}},
		{"http_port", func(v string) (err error) { conf.HTTPPort, err = number("http_port", v, 0, 65535); return err }},
		{"tls_port", func(v string) (err error) { conf.TLSPort, err = number("tls_port", v, 0, 65535); return err }},
		{"interface", d.onInterface},
		{"eab", func(v string) error {
			conf.EABKey = unlessNone(v)
			return d.later(conf.EABKey, bindingSecret())
		}},
		{"dns_server", func(v string) error { conf.DNSServer = unlessNone(v); return nil }},
		{"zone", func(v string) error {
			if conf.DNSZone = v; strings.EqualFold(v, "auto") {
				conf.DNSZone = ""
			}
			return nil
		}},
		{"tsig", func(v string) error {
			if conf.TSIGName = unlessNone(v); conf.TSIGName == "" {
				conf.TSIGAlgorithm = ""
			}
			return d.later(conf.TSIGName, updateSecret())
		}},
		{"algorithm", func(v string) (err error) {
			conf.TSIGAlgorithm, err = oneOf("algorithm", v, tsigAlgorithms()...)
			return err
		}},
	}
}

// accountKeys are their words.
func accountKeys() []string {
	var words []string
	for _, s := range (&accountDraft{c: &config.Config{}}).settings() {
		words = append(words, s.key)
	}
	return words
}

// unlessNone is a value, or nothing for the word none.
func unlessNone(v string) string {
	if strings.EqualFold(v, "none") {
		return ""
	}
	return v
}

// later notes that a secret belongs to a name that was given, or drops it with the name.
func (d *accountDraft) later(name string, which secret) error {
	if name == "" {
		delete(d.c.Refs, which.ref)
		return nil
	}
	d.secrets = append(d.secrets, which)
	return nil
}

func (d *accountDraft) directory(v string) error {
	if strings.EqualFold(v, "none") {
		if names := d.m.names(); len(names) > 0 {
			return shell.Fail("Error: ACME still manages %s.", strings.Join(names, ", "))
		}
		d.c.ACME.Directory = ""
		return nil
	}
	if url, ok := directories()[strings.ToLower(v)]; ok {
		v = url
	}
	if acceptable(d.m.s, func(c *config.Config) { c.ACME.Directory = v }) != nil {
		return shell.Fail("Invalid directory %q: letsencrypt, letsencrypt-staging, none or https://HOST/... is accepted.", v)
	}
	d.c.ACME.Directory = v
	return nil
}

func (d *accountDraft) onInterface(v string) error {
	if strings.EqualFold(v, "auto") {
		d.c.ACME.Interface = ""
		return nil
	}
	name, err := interfaceNamed(d.c, v)
	d.c.ACME.Interface = name
	return err
}
