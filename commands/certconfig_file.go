package commands

import (
	"errors"
	"fmt"

	"posthouse/certstore"
	"posthouse/shell"
)

// passPhraseTries is how often a terminal may answer for a pass phrase.
const passPhraseTries = 5

// importFile is the dialogue of IMPORT.
func (p *profiles) importFile() error {
	name, goOn, err := p.askOwnName()
	if err != nil || !goOn {
		return err
	}
	file, data, err := askFile(p.a, p.s, fmt.Sprintf("Enter the name of the file on machine \"%s\" to import:", machine(p.a)))
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		pass, err := p.s.Secret("Enter pass phrase for PKCS#12 file:")
		if err != nil {
			return err
		}
		err = p.take(name, file, data, pass)
		if !errors.Is(err, certstore.ErrPassphrase) || !p.s.Interactive() || try == passPhraseTries {
			return err
		}
		p.s.Say("%v", err)
	}
}

// take stores what a PKCS#12 file holds.
func (p *profiles) take(name, file string, data []byte, pass string) error {
	profile, notes, err := certstore.ImportPKCS12(data, pass, p.authorities()...)
	if err != nil {
		return passPhraseError(file, err)
	}
	return p.storeWithNotes(name, profile, notes)
}

// passPhraseError chooses the words for a PKCS#12 file that cannot be read.
func passPhraseError(file string, err error) error {
	if errors.Is(err, certstore.ErrPassphrase) {
		return shell.Fail("Invalid pass phrase for %q: %w.", file, err)
	}
	return shell.Fail("Failed to parse %q: %v.", file, err)
}

func (p *profiles) batchImport(args []string) error {
	name, verb, err := p.ownName(args[0])
	if err != nil {
		return err
	}
	data, err := readFile(p.a, args[1])
	if err != nil {
		return err
	}
	pass, err := p.passPhrase(args[2:], "Enter pass phrase for PKCS#12 file:")
	if err != nil {
		return err
	}
	if err := p.take(name, args[1], data, pass); err != nil {
		return err
	}
	p.s.Say("Certificate profile \"%s\" %s.", name, verb)
	return nil
}

// passPhrase is the word that stands on the line, or the answer where there is none.
func (p *profiles) passPhrase(words []string, question string) (string, error) {
	if len(words) > 0 {
		return words[0], nil
	}
	return p.s.Secret(question)
}

// exportFile is the dialogue of EXPORT.
func (p *profiles) exportFile() error {
	if err := p.s.Permit("export"); err != nil {
		return err
	}
	name, err := p.chooseOwn(profileNames(p.s.Candidate()), "Select the certificate profile you wish to export:")
	if err != nil {
		return err
	}
	file, err := askNewFile(p.s, "Enter a name for the exported file:")
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		pass, err := p.askTwice()
		if err == nil {
			return p.save(name, file, pass)
		}
		if !errors.Is(err, errDiffer) || !p.s.Interactive() || try == passPhraseTries {
			return err
		}
		p.s.Say("%v", err)
	}
}

var errDiffer = errors.New("the two pass phrases differ, or are empty")

func (p *profiles) askTwice() (string, error) {
	pass, err := p.s.Secret("Enter pass phrase:")
	if err != nil {
		return "", err
	}
	again, err := p.s.Secret("Re-enter pass phrase:")
	if err != nil {
		return "", err
	}
	if pass == "" || pass != again {
		return "", shell.Fail("Invalid pass phrase: %w.", errDiffer)
	}
	return pass, nil
}

// save writes a profile as PKCS#12.
func (p *profiles) save(name, file, pass string) error {
	profile, err := profileOf(p.a, p.s.Candidate(), name)
	if err != nil {
		return err
	}
	data, err := certstore.ExportPKCS12(profile, pass)
	if err != nil {
		return shell.Fail("Failed to export certificate profile \"%s\": %v.", name, err)
	}
	if err := writeFile(p.a, file, data); err != nil {
		return err
	}
	if kinds := keyKinds(profile); len(kinds) > 1 {
		p.s.Say("Profile \"%s\" has %d keys; the file holds the %s one.", name, len(kinds), kinds[0])
	}
	written(p.s, p.a, file)
	return nil
}

func (p *profiles) batchExport(args []string) error {
	name, err := profileNamed(p.s.Candidate(), args[0])
	if err != nil {
		return err
	}
	pass, err := p.passPhrase(args[2:], "Enter pass phrase:")
	if err != nil {
		return err
	}
	return p.save(name, args[1], pass)
}
