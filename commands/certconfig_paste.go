package commands

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// What the blocks of PEM are asked for with.
const (
	askPublic       = "Paste public certificate in PEM format (end with '.'):"
	askPrivate      = "Paste private key in PEM format (end with '.'):"
	askIntermediate = "Paste intermediate certificate in PEM format (end with '.'):"
)

// authorities are those of the custom list, with which a chain may end. The system's are known to certstore.
func (p *profiles) authorities() []*x509.Certificate {
	id := p.s.Candidate().Refs[config.AuthoritiesRef]
	if id == "" {
		return nil
	}
	list, err := p.a.Certs.GetAuthorities(id)
	if err != nil {
		return nil
	}
	return list
}

// askOwnName asks for the name of a profile, new or not, and whether one that exists is to be replaced.
func (p *profiles) askOwnName() (name string, goOn bool, err error) {
	name, err = p.s.Ask(shell.Question{Text: "Enter a name for this certificate profile:", Bare: true, Required: true, Check: p.usable})
	if err != nil {
		return "", false, err
	}
	known, unknown := profileNamed(p.s.Candidate(), name)
	if unknown != nil {
		return name, true, nil
	}
	goOn, err = p.s.YesNo(fmt.Sprintf("Certificate profile \"%s\" already exists. Do you want to overwrite with this new one?", known), false)
	return known, goOn, err
}

// paste is the dialogue of PASTE.
func (p *profiles) paste() error {
	name, goOn, err := p.askOwnName()
	if err != nil || !goOn {
		return err
	}
	certs, err := p.askCertificates(askPublic)
	if err != nil {
		return err
	}
	p.recognised(certs)
	text, err := p.askKeyText()
	if err != nil {
		return err
	}
	key, err := certstore.ParseKey([]byte(text))
	if err != nil {
		return shell.Fail("Invalid private key: %v.", err)
	}
	if _, _, err := certstore.Assemble(key, certs, p.authorities()...); err != nil {
		return pasteError(err)
	}
	more, err := p.askIntermediates()
	if err != nil {
		return err
	}
	profile, notes, err := certstore.Assemble(key, slices.Concat(certs, more), p.authorities()...)
	if err != nil {
		return pasteError(err)
	}
	return p.storeWithNotes(name, profile, notes)
}

// maxKeyText is more than any private key needs, in bytes.
const maxKeyText = 64 << 10

// askKeyText reads a block with a private key. At a terminal its lines are not echoed: they would stay on the screen.
func (p *profiles) askKeyText() (string, error) {
	if !p.s.Interactive() {
		return p.s.Block(askPrivate)
	}
	p.s.Say("%s", askPrivate)
	var text strings.Builder
	for text.Len() < maxKeyText {
		line, err := p.s.Secret("")
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(line) == "." {
			return text.String(), nil
		}
		text.WriteString(line + "\n")
	}
	return "", shell.Fail("Invalid private key: it is longer than %d bytes.", maxKeyText)
}

func pasteError(err error) error {
	if errors.Is(err, certstore.ErrWrongKey) {
		return shell.Fail("Invalid certificate: none of the certificates belongs to the private key.")
	}
	return shell.Fail("Invalid certificate: %v.", err)
}

// askCertificates reads a block of one certificate or more.
func (p *profiles) askCertificates(text string) ([]*x509.Certificate, error) {
	pem, err := p.s.Block(text)
	if err != nil {
		return nil, err
	}
	return readCertificates(pem)
}

func readCertificates(pem string) ([]*x509.Certificate, error) {
	certs, err := certstore.ParsePEMChain([]byte(pem))
	if err != nil {
		return nil, shell.Fail("Invalid certificate: %v.", err)
	}
	return certs, nil
}

// recognised says what a paste holds: the leaf's name, and the names of what came along with it.
func (p *profiles) recognised(certs []*x509.Certificate) {
	leaf := certs[0]
	for _, c := range certs {
		issuer := slices.ContainsFunc(certs, func(o *x509.Certificate) bool { return o != c && certstore.Issued(c, o) })
		if !issuer {
			leaf = c
			break
		}
	}
	p.s.Println(certstore.DN(leaf.Subject))
	for _, c := range certs {
		if c != leaf {
			p.s.Printf("Along with it: %s\n", certstore.DN(c.Subject))
		}
	}
}

// askIntermediates reads further certificates until there are no more.
func (p *profiles) askIntermediates() ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	question := "Do you want to add an intermediate certificate?"
	for {
		add, err := p.s.YesNo(question, false)
		if err != nil || !add {
			return all, err
		}
		certs, err := p.askCertificates(askIntermediate)
		if err != nil {
			return nil, err
		}
		for _, c := range certs {
			p.s.Println(certstore.DN(c.Subject))
		}
		all = append(all, certs...)
		question = "Do you want to add another intermediate certificate?"
	}
}

// storeWithNotes stores a profile that has its certificate and says what was done to its chain.
func (p *profiles) storeWithNotes(name string, profile *certstore.Profile, notes []string) error {
	if err := p.store(name, profile, false); err != nil {
		return err
	}
	for _, note := range notes {
		p.s.Say("%s", note)
	}
	return nil
}

// batchPaste takes NAME, with certificates and key on standard input in any order.
func (p *profiles) batchPaste(args []string) error {
	name, verb, err := p.ownName(args[0])
	if err != nil {
		return err
	}
	pem, err := p.s.Input()
	if err != nil {
		return err
	}
	certs, err := readCertificates(pem)
	if err != nil {
		return err
	}
	key, err := certstore.ParseKey([]byte(pem))
	if err != nil {
		return shell.Fail("Invalid private key: %v.", err)
	}
	profile, notes, err := certstore.Assemble(key, certs, p.authorities()...)
	if err != nil {
		return pasteError(err)
	}
	if err := p.storeWithNotes(name, profile, notes); err != nil {
		return err
	}
	p.s.Say("Certificate profile \"%s\" %s.", name, verb)
	return nil
}

// ownName is the name under which a batch form stores a profile, and what it does to it.
func (p *profiles) ownName(word string) (name, verb string, err error) {
	if err := p.usable(word); err != nil {
		return "", "", err
	}
	if known, unknown := profileNamed(p.s.Candidate(), word); unknown == nil {
		return known, "replaced", nil
	}
	return word, "created", nil
}
