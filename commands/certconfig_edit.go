package commands

import (
	"crypto/x509"
	"fmt"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// chooseOwn lists the profiles with their subjects and asks for one. Names are accepted beside the numbers.
func (p *profiles) chooseOwn(names []string, question string) (string, error) {
	c := p.s.Candidate()
	shown := make([]string, len(names))
	for i, name := range names {
		subject := "(missing)"
		if profile, err := profileOf(p.a, c, name); err == nil {
			subject = certstore.DN(profile.Leaf().Subject)
		}
		shown[i] = fmt.Sprintf("[%s] %s", name, subject)
	}
	i, err := askNamed(p.s, shell.Choice{Options: shown, Question: question}, names)
	if err != nil {
		return "", err
	}
	return names[i], nil
}

// edit is the dialogue of EDIT: the authority's answer or a renewed certificate, intermediates, the signing request.
func (p *profiles) edit() error {
	name, err := p.chooseOwn(p.own(), "Select the certificate profile you wish to edit:")
	if err != nil {
		return err
	}
	profile, err := profileOf(p.a, p.s.Candidate(), name)
	if err != nil {
		return err
	}
	answer, err := p.askAnswer(name, profile)
	if err != nil {
		return err
	}
	drop, err := p.s.YesNo("Would you like to remove the existing intermediate certificates?", false)
	if err != nil {
		return err
	}
	more, err := p.askIntermediates()
	if err != nil {
		return err
	}
	if err := p.update(name, certificates{answer, more, drop}); err != nil {
		return err
	}
	view, err := p.s.YesNo("Do you want to view the CSR?", true)
	if err != nil || !view {
		return err
	}
	return p.showRequest(name)
}

// askAnswer reads a new certificate for the profile's key, where there is one.
func (p *profiles) askAnswer(name string, profile *certstore.Profile) ([]*x509.Certificate, error) {
	update, err := p.s.YesNo("Would you like to update the existing public certificate?", false)
	if err != nil || !update {
		return nil, err
	}
	if err := p.committed(name); err != nil {
		return nil, err
	}
	certs, err := p.askCertificates(askPublic)
	if err != nil {
		return nil, err
	}
	if _, _, err := profile.Update(certs, true); err != nil {
		return nil, certificateError(name, err)
	}
	if len(certs) > 1 {
		p.recognised(certs)
	}
	return certs, nil
}

// committed refuses an answer to a signing request whose key may still be lost with the candidate.
func (p *profiles) committed(name string) error {
	c, running := p.s.Candidate(), p.a.Config.Running().Config
	ref := config.CertificateRef(name)
	if c.Certificates[name].Pending && running.Refs[ref] != c.Refs[ref] {
		return shell.Fail("Error: Certificate profile \"%s\" is not committed yet; commit it before you store the answer of the certificate authority.", name)
	}
	return nil
}

// certificates are what an edit changes of a profile.
type certificates struct {
	answer []*x509.Certificate // the new leaf, perhaps with intermediates; none: the leaf stays
	more   []*x509.Certificate // further intermediates
	drop   bool                // the present intermediates go
}

// update makes and stores the profile with the change; without one it does nothing.
func (p *profiles) update(name string, with certificates) error {
	if len(with.answer) == 0 && len(with.more) == 0 && !with.drop {
		return nil
	}
	c := p.s.Candidate()
	profile, err := profileOf(p.a, c, name)
	if err != nil {
		return err
	}
	pending := c.Certificates[name].Pending && len(with.answer) == 0
	base := with.answer
	if len(base) == 0 {
		base = []*x509.Certificate{profile.Leaf()}
	}
	updated, notes, err := profile.Update(append(base[:len(base):len(base)], with.more...), !with.drop, p.authorities()...)
	if err != nil {
		return certificateError(name, err)
	}
	if len(with.answer) == 0 { // other intermediates do not make the profile the operator's
		err = p.keep(name, updated, &config.Certificate{Pending: pending, ACME: c.Certificates[name].ACME})
	} else {
		err = p.store(name, updated, pending)
	}
	if err != nil {
		return err
	}
	for _, note := range notes {
		p.s.Say("%s", note)
	}
	return nil
}

// batchEdit takes NAME [remove], with certificates on standard input: the leaf, intermediates, or both.
func (p *profiles) batchEdit(args []string) error {
	name, err := profileNamed(p.s.Candidate(), args[0])
	if err != nil {
		return err
	}
	if name == config.DemoCertificate {
		return p.usable(name)
	}
	var with certificates
	if len(args) == 2 {
		if _, err := oneOf("word", args[1], "remove"); err != nil {
			return err
		}
		with.drop = true
	}
	pem, err := p.s.Input()
	if err != nil {
		return err
	}
	if pem != "" || !with.drop {
		if err := p.sortPaste(name, pem, &with); err != nil {
			return err
		}
	}
	if err := p.update(name, with); err != nil {
		return err
	}
	p.s.Say("Certificate profile \"%s\" updated.", name)
	return nil
}

// sortPaste tells an answer from intermediates alone: an answer holds a certificate of the profile's key. A paste of
// something else is taken for intermediates only where it holds nothing but authorities.
func (p *profiles) sortPaste(name, pem string, with *certificates) error {
	certs, err := readCertificates(pem)
	if err != nil {
		return err
	}
	profile, err := profileOf(p.a, p.s.Candidate(), name)
	if err != nil {
		return err
	}
	if _, _, err := profile.Update(certs, true); err == nil {
		with.answer = certs
		return p.committed(name)
	}
	for _, c := range certs {
		if !certstore.IsAuthority(c) {
			return certificateError(name, certstore.ErrWrongKey)
		}
	}
	with.more = certs
	return nil
}
