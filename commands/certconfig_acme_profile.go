package commands

import (
	"slices"
	"strings"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/shell"
)

// challenges are the ways to prove that one has a name, with what they need.
func challenges() (words, titles []string) {
	return []string{acme.HTTP01, acme.TLSALPN01, acme.DNS01}, []string{
		"http-01: the authority visits port 80 of every name",
		"tls-alpn-01: the authority visits port 443 of every name",
		"dns-01: a record is sent to a nameserver by dynamic update; wildcards need it",
	}
}

// placeholderDays is how long the self-signed certificate holds that serves until the first one arrives.
const placeholderDays = 90

// create is the dialogue of NEW.
func (m *managed) create() error {
	name, err := m.s.Ask(shell.Question{Text: "Enter a name for this certificate profile:", Bare: true, Required: true, Check: m.mayManage})
	if err != nil {
		return err
	}
	wanted := &config.ManagedCertificate{Key: string(certstore.P256)}
	if known, err := profileNamed(m.s.Candidate(), name); err == nil {
		name = known
		take, err := m.s.YesNo("Certificate profile \""+name+"\" already exists. Do you want ACME to renew it?", false)
		if err != nil || !take {
			return err
		}
	}
	if err := m.askWanted(wanted); err != nil {
		return err
	}
	return m.manage(name, wanted)
}

// editProfile is the dialogue of EDIT.
func (m *managed) editProfile() error {
	name, err := m.chooseManaged("Select the certificate profile you wish to edit:")
	if err != nil {
		return err
	}
	wanted := *m.s.Candidate().Certificates[name].ACME
	if err := m.askWanted(&wanted); err != nil {
		return err
	}
	return m.changeWanted(name, &wanted)
}

// askWanted asks what the certificate is to be, with what wanted holds as the defaults.
func (m *managed) askWanted(wanted *config.ManagedCertificate) error {
	answer, err := m.s.Ask(shell.Question{
		Text: "Enter the names of the certificate, comma-separated:", Default: strings.Join(wanted.Names, ", "), Required: true,
		Check: func(answer string) error { _, err := managedNames(answer); return err },
	})
	if err != nil {
		return err
	}
	if wanted.Names, err = managedNames(answer); err != nil {
		return err
	}
	words, titles := challenges()
	present := slices.Index(words, wanted.Challenge) + 1
	if present == 0 {
		present = 1
	}
	i, err := chooseAllowed(m.s, "Choose the challenge:", titles, present, func(i int) error {
		return fitting(m.s.Candidate(), wanted.Names, words[i])
	})
	if err != nil {
		return err
	}
	wanted.Challenge = words[i]
	return m.askManagedKey(wanted)
}

func (m *managed) askManagedKey(wanted *config.ManagedCertificate) error {
	var titles []string
	present := 1
	for i, k := range keyChoices {
		titles = append(titles, k.title)
		if string(k.kind) == wanted.Key {
			present = i + 1
		}
	}
	n, err := m.s.Choose("Enter size of private key:", titles, present)
	if err != nil {
		return err
	}
	wanted.Key = string(keyChoices[n-1].kind)
	return nil
}

// mayManage refuses names that cannot be those of a managed profile.
func (m *managed) mayManage(name string) error {
	if err := m.usable(name); err != nil {
		return err
	}
	if known, err := profileNamed(m.s.Candidate(), name); err == nil && m.s.Candidate().Certificates[known].ACME != nil {
		return shell.Fail("Invalid name %q: ACME manages certificate profile %q already.", name, known)
	}
	return nil
}

// managedNames reads the names of a certificate: host names, "*." in front or not, separated by commas. Each counts once.
func managedNames(answer string) ([]string, error) {
	var names []string
	for _, word := range commaList(answer) {
		rest, wildcard := strings.CutPrefix(word, "*.")
		name, err := certstore.HostName(rest)
		top := name[strings.LastIndexByte(name, '.')+1:]
		if err != nil || top == name || strings.Trim(top, "0123456789") == "" { // no top-level domain is a number; addresses end in one
			return nil, shell.Fail("Invalid name %q: a host name such as mx.example.com or *.example.com is accepted.", word)
		}
		if wildcard {
			name = "*." + name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, shell.Fail("Invalid names %q: at least one host name is needed.", answer)
	}
	return names, nil
}

// fitting refuses a challenge that cannot prove the names.
func fitting(c *config.Config, names []string, challenge string) error {
	wildcard := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "*.") })
	switch {
	case wildcard && challenge != acme.DNS01:
		return shell.Fail("Invalid challenge %q: a wildcard needs %s.", challenge, acme.DNS01)
	case challenge == acme.DNS01 && c.ACME.DNSServer == "":
		return shell.Fail("Invalid challenge %q: SETUP names no nameserver that takes updates.", challenge)
	}
	return nil
}

// manage lets ACME obtain a profile from the next commit on. One that is new serves a self-signed certificate until then.
func (m *managed) manage(name string, wanted *config.ManagedCertificate) error {
	if m.noAccount() {
		return shell.Fail("Error: there is no account yet; configure it with certconfig acme setup.")
	}
	if err := fitting(m.s.Candidate(), wanted.Names, wanted.Challenge); err != nil {
		return err
	}
	id := ""
	if m.s.Candidate().Certificates[name] == nil {
		var err error
		if id, err = m.placeholder(wanted); err != nil {
			return err
		}
	}
	err := change(m.s, func(c *config.Config) error {
		if p := c.Certificates[name]; p != nil {
			p.ACME, p.Pending = wanted, false
			return nil
		}
		c.Certificates = inMap(c.Certificates, name, &config.Certificate{Pending: true, ACME: wanted})
		c.Refs = inMap(c.Refs, config.CertificateRef(name), id)
		return nil
	})
	if err == nil {
		m.s.Say("Certificate profile \"%s\" for %s is obtained after the commit.", name, strings.Join(wanted.Names, ", "))
	}
	return err
}

// placeholder makes the self-signed certificate of a new profile and keeps it.
func (m *managed) placeholder(wanted *config.ManagedCertificate) (id string, err error) {
	title := wanted.Names[0]
	if len(title) > 64 {
		title = "Posthouse" // RFC 5280 gives a common name no more
	}
	p, err := certstore.Create(certstore.Request{CommonName: title, SANs: wanted.Names, Days: placeholderDays, Key: certstore.KeyKind(wanted.Key)})
	if err != nil {
		return "", shell.Fail("Invalid request: %v.", err)
	}
	p.Pairs[0].CSR = nil // nobody is to send it anywhere
	if id, err = m.a.Certs.Put(p); err != nil {
		return "", shell.Fail("Unable to store the certificate profile: %v.", reason(err))
	}
	return id, nil
}

// changeWanted changes what is asked for.
func (m *managed) changeWanted(name string, wanted *config.ManagedCertificate) error {
	if err := fitting(m.s.Candidate(), wanted.Names, wanted.Challenge); err != nil {
		return err
	}
	err := change(m.s, func(c *config.Config) error { c.Certificates[name].ACME = wanted; return nil })
	if err == nil {
		m.s.Say("Certificate profile \"%s\" changed.", name)
	}
	return err
}

func (m *managed) removeManaged() error {
	name, err := m.chooseManaged("Select the certificate profile that is no longer to be renewed:")
	if err != nil {
		return err
	}
	return m.unmanage(name)
}

// unmanage leaves a profile to the operator, with the certificate that it has.
func (m *managed) unmanage(name string) error {
	err := change(m.s, func(c *config.Config) error {
		p := c.Certificates[name]
		p.ACME, p.Pending = nil, false
		return nil
	})
	if err == nil {
		m.s.Say("Certificate profile \"%s\" is no longer renewed; it keeps its certificate.", name)
	}
	return err
}

// batchCreate takes NAME names=a,b and further key=value words.
func (m *managed) batchCreate(args []string) error {
	name := args[0]
	if err := m.mayManage(name); err != nil {
		return err
	}
	if known, err := profileNamed(m.s.Candidate(), name); err == nil {
		name = known
	}
	wanted := &config.ManagedCertificate{Key: string(certstore.P256), Challenge: acme.HTTP01}
	if err := wantedWords(wanted, args[1:]); err != nil {
		return err
	}
	if len(wanted.Names) == 0 {
		return shell.Usage("Invalid command: certconfig acme new needs names=HOST,...")
	}
	return m.manage(name, wanted)
}

// batchEditManaged takes NAME and key=value words.
func (m *managed) batchEditManaged(args []string) error {
	return m.withManaged(args[0], func(name string) error {
		wanted := *m.s.Candidate().Certificates[name].ACME
		if err := wantedWords(&wanted, args[1:]); err != nil {
			return err
		}
		return m.changeWanted(name, &wanted)
	})
}

// wantedWords puts key=value words into what is asked for.
func wantedWords(wanted *config.ManagedCertificate, words []string) error {
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return shell.Usage("Invalid word %q: key=value is accepted.", word)
		}
		var err error
		switch strings.ToLower(key) {
		case "names":
			wanted.Names, err = managedNames(value)
		case "challenge":
			accepted, _ := challenges()
			wanted.Challenge, err = oneOf("challenge", value, accepted...)
		case "key":
			var kind certstore.KeyKind
			kind, err = keyKind(value)
			wanted.Key = string(kind)
		default:
			err = shell.Usage("Invalid key %q: accepted are names, challenge, key.", key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
