package commands

import (
	"context"
	"maps"
	"slices"
	"strings"

	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/shell"
)

// managed is one run of certconfig on what ACME obtains.
type managed struct {
	profiles
}

// acmeMenu is the ACME entry of certconfig's menu.
func acmeMenu(_ context.Context, a *Appliance, s *shell.Session) error {
	m := &managed{profiles{a, s}}
	none := func() bool { return len(m.names()) == 0 }
	return s.Menu(shell.Menu{
		State: m.printAccount,
		Items: []shell.MenuItem{
			{Keyword: "SETUP", What: "Configure the account and how challenges are answered", Do: plainly(m.setup)},
			{Keyword: "NEW", What: "Obtain a certificate and renew it automatically", Hidden: m.noAccount, Do: plainly(m.create)},
			{Keyword: "EDIT", What: "Change the names, the challenge or the key of a managed profile", Hidden: none, Do: plainly(m.editProfile)},
			{Keyword: "DELETE", What: "Stop renewing a profile; its certificate stays", Hidden: none, Do: plainly(m.removeManaged)},
			{Keyword: "STATUS", What: "View the managed profiles", Do: plainly(m.status)},
			{Keyword: "RENEW", What: "Renew a certificate now", Hidden: none, Do: m.renewChosen},
		},
	})
}

// acmeBatch runs what stands behind "certconfig acme".
func acmeBatch(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	m := &managed{profiles{a, s}}
	if len(args) == 0 {
		args = []string{"status"}
	}
	return dispatch("certconfig", args, []subcommand{
		{"setup", 2, -1, m.batchSetup},
		{"new", 2, -1, m.batchCreate},
		{"edit", 2, -1, m.batchEditManaged},
		{"delete", 1, 1, func(args []string) error { return m.withManaged(args[0], m.unmanage) }},
		{"status", 0, 0, func([]string) error { return m.status() }},
		{"renew", 1, 1, func(args []string) error {
			return m.withManaged(args[0], func(name string) error { return m.renew(ctx, name) })
		}},
	})
}

// acmeForms are the batch forms of "certconfig acme".
func acmeForms() []string {
	return []string{
		"certconfig acme setup key value ...",
		"certconfig acme new NAME names=a,b [challenge=http-01|dns-01|tls-alpn-01] [key=p256|p384|rsa2048|rsa3072|rsa4096]",
		"certconfig acme edit NAME [names=a,b] [challenge=...] [key=...]",
		"certconfig acme delete NAME",
		"certconfig acme status",
		"certconfig acme renew NAME",
	}
}

// acmeHelp is the part on ACME of certconfig's help.
const acmeHelp = `

ACME obtains certificates from an authority and renews them without a commit: the new certificate is in service at once,
open connections go on, and the change has a revision of its own. setup names the account: directory letsencrypt|
letsencrypt-staging|URL|none; contact ADDRESS,...|none; terms agreed|refused; http_port N; tls_port N; interface NAME|auto;
eab KEYID|none; dns_server ADDRESS|none; zone NAME|auto; tsig KEYNAME|none; algorithm hmac-sha256|hmac-sha384|hmac-sha512.
The secrets of eab and tsig are not typed on the line: they are asked for, or read from standard input, a line each, first
that of eab.

The authority visits http_port (http-01, as port 80) or tls_port (tls-alpn-01, as port 443) at every name of the certificate,
or looks a record up that is sent to dns_server by dynamic update (dns-01, which wildcards need). new makes a profile that
is self-signed until its first certificate arrives, after the commit; for a profile that exists it takes over the renewal.
edit changes what is asked for; another kind of key comes with the next renewal. delete stops the renewal and keeps the
profile.

Where TLSA records 3 1 1 are published for _25._tcp of a name, the record of the next key is printed by status, logged and
sent as an alert long before it is needed. The renewal waits until the record is there and twice its time to live is over.
When the certificate is about to end first, the present key is used once more.`

// names are the managed profiles of the candidate.
func (m *managed) names() []string {
	c := m.s.Candidate()
	return slices.DeleteFunc(profileNames(c), func(name string) bool { return c.Certificates[name].ACME == nil })
}

func (m *managed) noAccount() bool { return m.s.Candidate().ACME.Directory == "" }

// printAccount says who the authority is.
func (m *managed) printAccount() {
	conf := m.s.Candidate().ACME
	if conf.Directory == "" {
		m.s.Say("\nACME is not configured.")
		return
	}
	m.s.Printf("\nCertificate authority: %s\n", directoryTitle(conf.Directory))
	m.s.Printf("Contact: %s\n", orNone(strings.Join(conf.Contact, ", ")))
	if !conf.TermsAgreed {
		m.s.Say("The terms of service are not agreed to: no certificate can be obtained.")
	}
	m.s.Printf("Managed profiles: %s\n", orNone(strings.Join(m.names(), ", ")))
}

// withManaged runs do on the managed profile that a word names.
func (m *managed) withManaged(word string, do func(name string) error) error {
	name, err := profileNamed(m.s.Candidate(), word)
	if err != nil {
		return err
	}
	if m.s.Candidate().Certificates[name].ACME == nil {
		return shell.Fail("Invalid name %q: the profile is not managed by ACME; %s.", word, acceptedAre(m.names()))
	}
	return do(name)
}

// chooseManaged asks for one of the managed profiles.
func (m *managed) chooseManaged(question string) (string, error) {
	names := m.names()
	n, err := m.s.Pick(shell.Choice{Options: names, Question: question})
	if err != nil {
		return "", err
	}
	return names[n-1], nil
}

// directories are the authorities that have a name of their own.
func directories() map[string]string {
	return map[string]string{
		"letsencrypt":         "https://acme-v02.api.letsencrypt.org/directory",
		"letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
	}
}

// directoryTitle is a directory's URL, with the authority's name where it has one.
func directoryTitle(url string) string {
	known := directories()
	for _, word := range slices.Sorted(maps.Keys(known)) {
		if known[word] == url {
			return url + " (" + word + ")"
		}
	}
	return url
}

// setAccount changes the account's settings in the candidate. Another directory is another account, with a key of its
// own: one authority is not to know who one is to another.
func (m *managed) setAccount(edit func(c *config.Config) error) error {
	err := change(m.s, func(c *config.Config) error {
		before := c.ACME.Directory
		if err := edit(c); err != nil {
			return err
		}
		return m.accountKey(c, before)
	})
	if err != nil {
		return err
	}
	if conf := m.s.Candidate().ACME; conf.Directory != "" && !conf.TermsAgreed {
		m.s.Say("Note: no certificate is obtained before the terms of service are agreed to.")
	}
	return nil
}

func (m *managed) accountKey(c *config.Config, before string) error {
	if c.ACME.Directory == "" {
		delete(c.Refs, config.ACMEAccountRef)
		return nil
	}
	if c.ACME.Directory == before && c.Refs[config.ACMEAccountRef] != "" {
		return nil
	}
	key, err := acme.NewAccountKey()
	if err != nil {
		return shell.Fail("Failed to make the account's key: %v.", err)
	}
	return m.keepSecret(c, config.ACMEAccountRef, "acmeaccount", string(key))
}

// keepSecret puts a secret into the vault and names it in the configuration.
func (m *managed) keepSecret(c *config.Config, ref, kind, secret string) error {
	id, err := m.a.Config.Vault().Put(kind, []byte(secret))
	if err != nil {
		return shell.Fail("Unable to store the secret: %v.", reason(err))
	}
	c.Refs = inMap(c.Refs, ref, id)
	return nil
}
