package commands

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

const (
	daysUsual = 3650
	daysMost  = 36500
)

// keyChoices are in the order of the question.
var keyChoices = [...]struct {
	title string
	kind  certstore.KeyKind
}{
	{"ECDSA P-256", certstore.P256}, {"RSA 2048", certstore.RSA2048}, {"RSA 3072", certstore.RSA3072},
	{"RSA 4096", certstore.RSA4096}, {"ECDSA P-384", certstore.P384},
}

// create is the dialogue of NEW.
func (p *profiles) create() error {
	if err := p.askKind(); err != nil {
		return err
	}
	name, err := p.askNewName("\n")
	if err != nil {
		return err
	}
	var r certstore.Request
	if err := p.askRequest(&r); err != nil {
		return err
	}
	if err := p.storeNew(name, r); err != nil {
		return err
	}
	view, err := p.s.YesNo("\nDo you want to view the CSR?", true)
	if err != nil {
		return err
	}
	if view {
		if err := p.showRequest(name); err != nil {
			return err
		}
	}
	p.remind(name)
	return nil
}

// askKind asks for the kind of certificate, of which this version knows one.
func (p *profiles) askKind() error {
	kinds := []string{"Create a self-signed certificate and CSR", "Create a self-signed SMIME certificate and CSR"}
	_, err := p.s.Ask(shell.Question{
		Text: "\n" + listText(shell.Choice{Options: kinds}), Default: "1", Complete: func() []string { return kinds },
		Check: func(answer string) error {
			i, err := numberOrName(answer, kinds)
			if err == nil && i == 1 {
				err = shell.Fail("Error: S/MIME certificates are not available in this version.")
			}
			return err
		},
	})
	return err
}

// askNewName asks for the name of a profile that there is not yet.
func (p *profiles) askNewName(before string) (string, error) {
	return p.s.Ask(shell.Question{
		Text: before + "Enter a name for this certificate profile:", Bare: true, Required: true, Check: p.absent,
	})
}

// absent says whether name may be given to a new profile.
func (p *profiles) absent(name string) error {
	if known, err := profileNamed(p.s.Candidate(), name); err == nil {
		return shell.Fail("Invalid name %q: certificate profile %q exists already.", name, known)
	}
	return p.usable(name)
}

// usable says whether a profile may have the name, be it new or not.
func (p *profiles) usable(name string) error {
	if strings.EqualFold(name, config.DemoCertificate) {
		return shell.Fail("Invalid name %q: that profile belongs to the appliance.", name)
	}
	if strings.EqualFold(name, "none") {
		return shell.Fail("Invalid name %q: the word has a meaning of its own.", name)
	}
	if _, err := profileNamed(p.s.Candidate(), name); err == nil {
		return nil
	}
	if acceptable(p.s, func(c *config.Config) { c.Certificates[name] = &config.Certificate{} }) != nil {
		return shell.Fail("Invalid name %q: at most 64 letters, digits, '_', '-' and '.' are accepted; it begins with a letter or digit and has a letter in it.", name)
	}
	return nil
}

func (p *profiles) askRequest(r *certstore.Request) error {
	for _, f := range []struct {
		text     string
		to       *string
		required bool
		check    func(string) error
	}{
		{"Enter Common Name:", &r.CommonName, true, nameField(64)},
		{"Enter Organization:", &r.Organization, false, nameField(64)},
		{"Enter Organizational Unit:", &r.Unit, false, nameField(64)},
		{"Enter Locality or City:", &r.Locality, false, nameField(128)},
		{"Enter State or Province:", &r.Province, false, nameField(128)},
		{"Enter Country (2 letter code):", &r.Country, false, countryCode},
	} {
		answer, err := p.s.Ask(shell.Question{Text: f.text, Bare: true, Required: f.required, Check: f.check})
		if err != nil {
			return err
		}
		*f.to = answer
	}
	var err error
	if r.Days, err = p.s.AskInt(shell.Question{Text: "Duration before expiration (in days):", Default: strconv.Itoa(daysUsual)}, 1, daysMost); err != nil {
		return err
	}
	return inOrder(func() error { return p.askKey(r) }, func() error { return p.askNames(r) })
}

// nameField is the check of a part of a distinguished name.
func nameField(most int) func(string) error {
	return func(text string) error {
		if len(text) > most {
			return shell.Fail("Invalid text %q: at most %d bytes are accepted.", text, most)
		}
		return nil
	}
}

func countryCode(text string) error {
	if len(text) != 2 || strings.Trim(strings.ToUpper(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return shell.Fail("Invalid country %q: a code of two letters such as DE is accepted.", text)
	}
	return nil
}

func (p *profiles) askKey(r *certstore.Request) error {
	var titles []string
	for _, k := range keyChoices {
		titles = append(titles, k.title)
	}
	n, err := p.s.Pick(shell.Choice{Options: titles, Question: "Enter size of private key:", Default: 1})
	if err != nil {
		return err
	}
	r.Key = keyChoices[n-1].kind
	return nil
}

func (p *profiles) askNames(r *certstore.Request) error {
	q := shell.Question{
		Text:  "Enter Subject Alternative Names (dNSName, comma-separated):",
		Check: func(answer string) error { _, err := alternativeNames(answer); return err },
	}
	if _, err := alternativeNames(r.CommonName); err == nil {
		q.Default = r.CommonName
	}
	answer, err := p.s.Ask(q)
	if err != nil {
		return err
	}
	r.SANs, err = alternativeNames(answer)
	return err
}

// alternativeNames reads host names, with "*." in front or not, and addresses, separated by commas.
func alternativeNames(answer string) ([]string, error) {
	var names []string
	for word := range strings.SplitSeq(answer, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		_, addressErr := netip.ParseAddr(word)
		if _, err := certstore.HostName(strings.TrimPrefix(word, "*.")); err != nil && addressErr != nil {
			return nil, shell.Fail("Invalid name %q: a host name such as mx.example.com is accepted.", word)
		}
		names = append(names, word)
	}
	return names, nil
}

// storeNew makes key, certificate and request and puts the profile into the candidate.
func (p *profiles) storeNew(name string, r certstore.Request) error {
	profile, err := certstore.Create(r)
	if err != nil {
		return shell.Fail("Invalid request: %v.", err)
	}
	return p.store(name, profile, true)
}

// store keeps the profile's content in the vault and names it in the candidate; pending says that it waits for an
// authority's answer. A profile that ACME renewed is the operator's from then on: it would be replaced again otherwise.
func (p *profiles) store(name string, profile *certstore.Profile, pending bool) error {
	before := p.s.Candidate().Certificates[name]
	if err := p.keep(name, profile, &config.Certificate{Pending: pending}); err != nil {
		return err
	}
	if before != nil && before.ACME != nil {
		p.s.Say("Certificate profile \"%s\" is no longer renewed by ACME.", name)
	}
	return nil
}

// keep stores content with what the configuration says of the profile.
func (p *profiles) keep(name string, profile *certstore.Profile, as *config.Certificate) error {
	id, err := p.a.Certs.Put(profile)
	if err != nil {
		return shell.Fail("Unable to store certificate profile \"%s\": %v.", name, reason(err))
	}
	return change(p.s, func(c *config.Config) error {
		c.Certificates = inMap(c.Certificates, name, as)
		c.Refs = inMap(c.Refs, config.CertificateRef(name), id)
		for _, l := range c.Listeners {
			if err := differentKeys(p.a, c, l.Certificates); len(l.Certificates) > 1 && err != nil {
				return err
			}
		}
		return nil
	})
}

type requestJSON struct {
	Name string `json:"name" doc:"the profile"`
	CSR  string `json:"csr" doc:"the signing request in PEM"`
}

// showRequest prints a profile's signing request, or one for its renewal on the same key.
func (p *profiles) showRequest(name string) error {
	profile, err := profileOf(p.a, p.s.Candidate(), name)
	if err != nil {
		return err
	}
	request := profile.CSR()
	if request == nil {
		if request, err = profile.RenewalRequest(); err != nil {
			return shell.Fail("Failed to make a signing request for certificate profile \"%s\": %v.", name, err)
		}
	}
	if p.s.JSON {
		return p.s.PrintJSON(requestJSON{name, string(request)})
	}
	p.s.Print(string(request))
	return nil
}

func (p *profiles) remind(name string) {
	p.s.Say("Commit profile \"%s\" before you store the answer of the certificate authority with EDIT.", name)
}

// batchNew takes NAME cn=... and further key=value words.
func (p *profiles) batchNew(args []string) error {
	name := args[0]
	if err := p.absent(name); err != nil {
		return err
	}
	r := certstore.Request{Days: daysUsual, Key: certstore.P256}
	for _, word := range args[1:] {
		if err := requestWord(&r, word); err != nil {
			return err
		}
	}
	if r.CommonName == "" {
		return shell.Usage("Invalid command: certconfig new needs cn=COMMON-NAME.")
	}
	if err := p.storeNew(name, r); err != nil {
		return err
	}
	if p.s.JSON {
		return p.showRequest(name)
	}
	p.s.Say("Certificate profile \"%s\" created.", name)
	if err := p.showRequest(name); err != nil {
		return err
	}
	p.remind(name)
	return nil
}

// requestWord puts one key=value word into the request.
func requestWord(r *certstore.Request, word string) (err error) {
	key, value, ok := strings.Cut(word, "=")
	if !ok {
		return shell.Usage("Invalid word %q: key=value is accepted.", word)
	}
	switch strings.ToLower(key) {
	case "cn":
		r.CommonName = value
	case "o":
		r.Organization = value
	case "ou":
		r.Unit = value
	case "l":
		r.Locality = value
	case "st":
		r.Province = value
	case "c":
		r.Country = value
		err = countryCode(value)
	case "san":
		r.SANs, err = alternativeNames(value)
	case "days":
		r.Days, err = number("days", value, 1, daysMost)
	case "key":
		r.Key, err = keyKind(value)
	default:
		return shell.Usage("Invalid key %q: accepted are cn, o, ou, l, st, c, san, key, days.", key)
	}
	return err
}

func keyKind(word string) (certstore.KeyKind, error) {
	var kinds []string
	for _, k := range keyChoices {
		kinds = append(kinds, string(k.kind))
	}
	kind, err := oneOf("key", word, kinds...)
	return certstore.KeyKind(kind), err
}

// certificateError chooses the words for certificates that do not fit a profile.
func certificateError(name string, err error) error {
	if errors.Is(err, certstore.ErrWrongKey) {
		return shell.Fail("Invalid certificate: its public key is not the key of profile \"%s\".", name)
	}
	return shell.Fail("Invalid certificate: %v.", err)
}
