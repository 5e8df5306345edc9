package commands

import (
	"context"
	"slices"

	"posthouse/config"
	"posthouse/shell"
)

func certConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "certconfig",
		Summary:  "Configure certificate profiles and lists of certificate authorities.",
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "export", "authority * export", "crl update", "acme renew"),
		Batch: slices.Concat([]string{
			"certconfig list",
			"certconfig print",
			"certconfig show NAME",
			"certconfig new NAME cn=... [o=...] [ou=...] [l=...] [st=...] [c=...] [san=a,b] [key=p256|p384|rsa2048|rsa3072|rsa4096] [days=N]",
			"certconfig csr NAME",
			"certconfig import NAME FILE [PASSPHRASE]",
			"certconfig export NAME FILE [PASSPHRASE]",
			"certconfig paste NAME",
			"certconfig edit NAME [remove]",
			"certconfig delete NAME",
			"certconfig authority custom enable|disable|print|import FILE|export FILE",
			"certconfig authority system enable|disable|print|export FILE",
		}, crlForms(), acmeForms()),
		Help: `A certificate profile is a private key with its certificate and the intermediates behind it. Listeners, deliveries and
destinations name the profile that they use. Demo is made at the first start and cannot be deleted.

new makes a key, a self-signed certificate and a signing request, which csr shows again. Send it to an authority, commit,
and store its answer with edit. A profile is renewed on its key in the same way: csr makes a request where there is none.
A new key is a new profile, which takes the old one's place in the services when its certificate is there.

paste takes a certificate, its intermediates in any order and the key, all in PEM, from standard input; edit takes the
renewed certificate, intermediates or both for the key that the profile has, and with remove it drops the intermediates
that were there. import and export read and write PKCS#12 files in /configuration; a pass phrase that is not on the line
is read from standard input. import and paste replace a profile of the same name.

The custom list holds the authorities that you import, the system list those of the host system. Certificates of peers
are verified against every list that is enabled. An import takes the place of the custom list that was there before.

crl names the revocation lists that are fetched by schedule, update fetches them at once. setup says whose certificates are
looked up in them. A certificate is revoked only by the list of its own issuer; a list that is stale or was never fetched is
named and refuses nobody.` + acmeHelp,
		Commit: true,
		Redact: redactPassPhrase,
		Documents: []shell.Document{
			{For: "certconfig list", Value: profilesJSON{}},
			{For: "certconfig print", Value: servicesJSON{}},
			{For: "certconfig show", Value: profileJSONWithChains{}},
			{For: "certconfig csr", Value: requestJSON{}},
			{For: "certconfig authority custom|system print", Value: authoritiesJSON{}},
			{For: "certconfig crl print", Value: revocationJSON{}},
			{For: "certconfig crl update", Value: fetchedListsJSON{}},
			{For: "certconfig acme status", Value: managedJSON{}},
			shell.Says("certconfig with other words"),
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) == 0 && !s.JSON {
				return certMenu(a, s)
			}
			return certBatch(ctx, a, s, args)
		},
		Complete: completeCertificate(a),
	}
}

// redactPassPhrase hides what stands behind the file name of import and export, and what somebody has typed on the line who
// was to be asked for the secret of a TSIG key or of a binding.
func redactPassPhrase(args []string) []string {
	all := len(args)
	return redactWords(args, []shownForm{
		{[]string{"import"}, 3, nil}, {[]string{"export"}, 3, nil}, {[]string{"acme", "setup"}, 2, accountKeys()},
		{[]string{"acme", "new"}, all, nil}, {[]string{"acme", "edit"}, all, nil}, {[]string{"acme", "delete"}, 3, nil},
		{[]string{"acme", "status"}, 2, nil}, {[]string{"acme", "renew"}, 3, nil},
		{[]string{"list"}, 1, nil}, {[]string{"print"}, 1, nil}, {[]string{"show"}, 2, nil}, {[]string{"csr"}, 2, nil},
		{[]string{"new"}, all, nil}, {[]string{"paste"}, 2, nil}, {[]string{"edit"}, 3, nil}, {[]string{"delete"}, 2, nil},
		{[]string{"authority"}, 4, nil}, {[]string{"crl"}, all, nil},
	})
}

func certMenu(a *Appliance, s *shell.Session) error {
	return s.Menu(shell.Menu{Items: []shell.MenuItem{
		{Keyword: "CERTIFICATE", What: "Import, Create a request, Edit or Remove Certificate Profiles", Do: plainly(func() error { return profileMenu(a, s) })},
		{Keyword: "CERTAUTHORITY", What: "Manage System and Customized Authorities", Do: plainly(func() error { return authorityMenu(a, s) })},
		{Keyword: "CRL", What: "Manage Certificate Revocation Lists", Do: plainly(func() error { return crlMenu(a, s) })},
		{Keyword: "ACME", What: "Obtain and renew certificates automatically", Do: func(ctx context.Context) error { return acmeMenu(ctx, a, s) }},
	}})
}

func profileMenu(a *Appliance, s *shell.Session) error {
	p := &profiles{a, s}
	onlyDemo := func() bool { return len(p.own()) == 0 }
	return s.Menu(shell.Menu{
		State: p.printList,
		Items: []shell.MenuItem{
			{Keyword: "IMPORT", What: "Import a certificate from a local PKCS#12 file", Do: plainly(p.importFile)},
			{Keyword: "PASTE", What: "Paste a certificate into the CLI", Do: plainly(p.paste)},
			{Keyword: "NEW", What: "Create a self-signed certificate and CSR", Do: plainly(p.create)},
			{Keyword: "EDIT", What: "Update certificate or view the signing request", Hidden: onlyDemo, Do: plainly(p.edit)},
			{Keyword: "EXPORT", What: "Export a certificate", Do: plainly(p.exportFile)},
			{Keyword: "DELETE", What: "Remove a certificate", Hidden: onlyDemo, Do: plainly(p.remove)},
			{Keyword: "PRINT", What: "View certificates assigned to services", Do: plainly(p.printUses)},
		},
	})
}

// profiles is one run of certconfig on certificate profiles.
type profiles struct {
	a *Appliance
	s *shell.Session
}

// own are the names of the profiles but Demo.
func (p *profiles) own() []string {
	return slices.DeleteFunc(profileNames(p.s.Candidate()), func(name string) bool { return name == config.DemoCertificate })
}

func certBatch(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	if len(args) == 0 {
		args = []string{"list"}
	}
	p := &profiles{a, s}
	none := func(do func() error) func([]string) error { return func([]string) error { return do() } }
	return dispatch("certconfig", args, []subcommand{
		{"list", 0, 0, none(p.list)},
		{"print", 0, 0, none(p.printUses)},
		{"show", 1, 1, p.named(p.show)},
		{"csr", 1, 1, p.named(p.showRequest)},
		{"new", 2, -1, p.batchNew},
		{"import", 2, 3, p.batchImport},
		{"export", 2, 3, p.batchExport},
		{"paste", 1, 1, p.batchPaste},
		{"edit", 1, 2, p.batchEdit},
		{"delete", 1, 1, p.named(p.removeProfile)},
		{"authority", 2, 3, func(args []string) error { return authorityBatch(a, s, args) }},
		{"crl", 1, -1, func(args []string) error { return crlBatch(ctx, a, s, args) }},
		{"acme", 0, -1, func(args []string) error { return acmeBatch(ctx, a, s, args) }},
	})
}

// named runs do on the profile that the first word names.
func (p *profiles) named(do func(name string) error) func([]string) error {
	return func(args []string) error {
		name, err := profileNamed(p.s.Candidate(), args[0])
		if err != nil {
			return err
		}
		return do(name)
	}
}

func completeCertificate(a *Appliance) func(*shell.Session, []string) []string {
	return func(s *shell.Session, args []string) []string {
		if len(args) <= 1 {
			return startingWith(args, []string{"list", "print", "show", "csr", "new", "import", "export", "paste", "edit", "delete", "authority", "crl", "acme"})
		}
		return startingWith(args, certProposals(a, s.Candidate(), args))
	}
}

// certProposals are the words that may stand where the last of args does.
func certProposals(a *Appliance, c *config.Config, args []string) []string {
	word, n := args[0], len(args)
	switch {
	case word == "new" && n > 2:
		return []string{"cn=", "o=", "ou=", "l=", "st=", "c=", "san=", "key=", "days="}
	case word == "authority" && n == 2:
		return []string{"custom", "system"}
	case word == "authority" && n == 3:
		return []string{"enable", "disable", "print", "import", "export"}
	case word == "authority" && n == 4, word == "import" && n == 3:
		return fileNames(a)
	case word == "crl":
		return crlProposals(c, args[1:])
	case word == "edit" && n == 3:
		return []string{"remove"}
	case word != "new" && word != "list" && word != "print" && word != "acme" && n == 2:
		return profileNames(c)
	}
	return nil
}
