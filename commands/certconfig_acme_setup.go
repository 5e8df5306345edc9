package commands

import (
	"encoding/base64"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// tsigAlgorithms are the signatures of dynamic updates, the usual one first.
func tsigAlgorithms() []string { return []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} }

// setup is the dialogue of SETUP. It works on a copy that is handed back after the last answer.
func (m *managed) setup() error {
	draft := m.s.Candidate().Clone()
	before := draft.ACME
	if err := m.askDirectory(draft); err != nil {
		return err
	}
	if draft.ACME.Directory != "" {
		err := inOrder(
			func() error { return m.askContact(draft) },
			func() error { return m.askPorts(draft) },
			func() error { return m.askBinding(draft) },
			func() error { return m.askUpdates(draft) },
		)
		if err != nil {
			return err
		}
	}
	return m.setAccount(func(c *config.Config) error {
		c.ACME = draft.ACME
		if draft.ACME.Directory == "" {
			c.ACME = config.ACME{HTTPPort: before.HTTPPort, TLSPort: before.TLSPort, Interface: before.Interface}
		}
		for _, ref := range []string{config.ACMEEABRef, config.ACMETSIGRef} {
			if delete(c.Refs, ref); draft.Refs[ref] != "" && draft.ACME.Directory != "" {
				c.Refs = inMap(c.Refs, ref, draft.Refs[ref])
			}
		}
		return nil
	})
}

// askField asks for one text of the account; "none" clears it. set is what the answer changes, and the answer's check.
func (m *managed) askField(draft *config.Config, text, present string, set func(c *config.Config, answer string)) error {
	cleared := func(answer string) string {
		if strings.EqualFold(answer, "none") {
			return ""
		}
		return answer
	}
	answer, err := m.s.Ask(shell.Question{Text: text, Default: present, Check: func(answer string) error {
		return acceptable(m.s, func(c *config.Config) { set(c, cleared(answer)) })
	}})
	if err != nil {
		return err
	}
	set(draft, cleared(answer))
	return nil
}

func (m *managed) askDirectory(draft *config.Config) error {
	words := []string{"letsencrypt", "letsencrypt-staging"}
	options := []string{"Let's Encrypt", "Let's Encrypt, staging (its certificates are for tests)", "Another authority", "None"}
	present := 1
	switch url := draft.ACME.Directory; url {
	case "", directories()[words[0]]:
	case directories()[words[1]]:
		present = 2
	default:
		present = 3
	}
	n, err := m.s.Choose("Choose the certificate authority:", options, present)
	if err != nil {
		return err
	}
	switch n {
	case 4:
		draft.ACME.Directory = ""
		return nil
	case 3:
		url := ""
		if present == 3 {
			url = draft.ACME.Directory
		}
		url, err = m.s.Ask(shell.Question{Text: "Enter the URL of the authority's directory:", Default: url, Required: true, Check: func(answer string) error {
			return acceptable(m.s, func(c *config.Config) { c.ACME.Directory = answer })
		}})
		draft.ACME.Directory = url
		return err
	}
	draft.ACME.Directory = directories()[words[n-1]]
	return nil
}

func (m *managed) askContact(draft *config.Config) (err error) {
	err = m.askField(draft, "Enter the addresses that the authority may write to, comma-separated, or \"none\":", strings.Join(draft.ACME.Contact, ", "),
		func(c *config.Config, answer string) { c.ACME.Contact = commaList(answer) })
	if err != nil {
		return err
	}
	draft.ACME.TermsAgreed, err = m.s.YesNo("Do you agree to the authority's terms of service?", draft.ACME.TermsAgreed)
	return err
}

// commaList takes a list apart; blanks around its items do not count.
func commaList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (m *managed) askPorts(draft *config.Config) (err error) {
	conf := &draft.ACME
	if conf.HTTPPort, err = m.s.AskInt(shell.Question{Text: "Enter the port on which http-01 is answered:", Default: strconv.Itoa(conf.HTTPPort)}, 0, 65535); err != nil {
		return err
	}
	if conf.TLSPort, err = m.s.AskInt(shell.Question{Text: "Enter the port on which tls-alpn-01 is answered:", Default: strconv.Itoa(conf.TLSPort)}, 0, 65535); err != nil {
		return err
	}
	names := append([]string{"Automatic"}, interfaceNames(draft)...)
	present := 1
	for i, name := range names[1:] {
		if name == conf.Interface {
			present = i + 2
		}
	}
	n, err := m.s.Choose("Choose the interface on which challenges are answered:", names, present)
	if err != nil {
		return err
	}
	conf.Interface = ""
	if n > 1 {
		conf.Interface = names[n-1]
	}
	return nil
}

// askBinding asks for the external account that some authorities want (RFC 8555 §7.3.4).
func (m *managed) askBinding(draft *config.Config) error {
	wanted, err := m.s.YesNo("Does the authority ask for an external account binding?", draft.ACME.EABKey != "")
	if err != nil {
		return err
	}
	if !wanted {
		draft.ACME.EABKey = ""
		delete(draft.Refs, config.ACMEEABRef)
		return nil
	}
	draft.ACME.EABKey, err = m.s.Ask(shell.Question{Text: "Enter the id of the binding's key:", Default: draft.ACME.EABKey, Required: true})
	if err != nil {
		return err
	}
	return m.askSecret(draft, bindingSecret())
}

// askUpdates asks where dns-01 sends its records.
func (m *managed) askUpdates(draft *config.Config) error {
	wanted, err := m.s.YesNo("Do you want to answer dns-01 by dynamic DNS updates?", draft.ACME.DNSServer != "")
	if err != nil {
		return err
	}
	conf := &draft.ACME
	if !wanted {
		conf.DNSServer, conf.DNSZone, conf.TSIGName, conf.TSIGAlgorithm = "", "", "", ""
		delete(draft.Refs, config.ACMETSIGRef)
		return nil
	}
	conf.DNSServer, err = m.s.Ask(shell.Question{Text: "Enter the address of the nameserver that takes updates:", Default: conf.DNSServer, Required: true,
		Check: func(answer string) error {
			return acceptable(m.s, func(c *config.Config) { c.ACME.DNSServer = answer })
		}})
	if err != nil {
		return err
	}
	err = m.askField(draft, "Enter the zone of the records, or \"none\" to find it by its SOA:", conf.DNSZone,
		func(c *config.Config, answer string) { c.ACME.DNSZone = answer })
	if err != nil {
		return err
	}
	return m.askSignature(draft)
}

func (m *managed) askSignature(draft *config.Config) error {
	conf := &draft.ACME
	err := m.askField(draft, "Enter the name of the TSIG key, or \"none\" to send unsigned updates:", conf.TSIGName,
		func(c *config.Config, answer string) { c.ACME.TSIGName = answer })
	if err != nil {
		return err
	}
	if conf.TSIGName == "" {
		conf.TSIGAlgorithm = ""
		delete(draft.Refs, config.ACMETSIGRef)
		return nil
	}
	algorithms, present := tsigAlgorithms(), 1
	for i, name := range algorithms {
		if name == conf.TSIGAlgorithm {
			present = i + 1
		}
	}
	n, err := m.s.Choose("Choose the algorithm of the TSIG key:", algorithms, present)
	if err != nil {
		return err
	}
	conf.TSIGAlgorithm = algorithms[n-1]
	return m.askSecret(draft, updateSecret())
}

// secret is one of the account's secrets: where it is kept, and what is asked.
type secret struct {
	ref, kind, text string
	encoding        *base64.Encoding
}

func bindingSecret() secret {
	return secret{config.ACMEEABRef, "acmeeab", "Enter the binding's key (base64url):", base64.RawURLEncoding}
}

func updateSecret() secret {
	return secret{config.ACMETSIGRef, "tsig", "Enter the TSIG secret (base64):", base64.StdEncoding}
}

// askSecret asks for a secret, which is never shown; nothing keeps the present one.
func (m *managed) askSecret(draft *config.Config, which secret) error {
	answer, err := m.s.Secret(which.text)
	if err != nil {
		return err
	}
	answer = strings.TrimSpace(answer)
	if answer == "" && draft.Refs[which.ref] != "" {
		m.s.Say("The secret stays as it is.")
		return nil
	}
	kept, ok := which.normal(answer)
	if !ok {
		return shell.Fail("Invalid secret: base64 of 1 to 1024 bytes is accepted.")
	}
	return m.keepSecret(draft, which.ref, which.kind, kept)
}

// normal is a secret in the encoding in which it is kept: authorities and nameservers print both alphabets, with padding
// and without.
func (which secret) normal(text string) (string, bool) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	content, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || len(content) == 0 || len(content) > 1024 {
		return "", false
	}
	return which.encoding.EncodeToString(content), true
}
