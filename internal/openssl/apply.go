package openssl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// apply does what operator says to the suites that are in every one of sets.
func (p *parser) apply(operator byte, names []string, sets []set) {
	if operator == '+' {
		p.ordered = append(p.ordered, "+"+strings.Join(names, "+"))
		return
	}
	for _, c := range table() {
		if slices.ContainsFunc(sets, func(s set) bool { return !s.has(c) }) || p.state[c.ID] == killed {
			continue
		}
		switch operator {
		case '!':
			p.state[c.ID] = killed
		case '-':
			delete(p.state, c.ID)
		default:
			p.add(c, slices.ContainsFunc(sets, func(s set) bool { return s.frail }))
		}
	}
}

// choose adds one set.
func (p *parser) choose(s set) { p.apply(0, nil, []set{s}) }

// add chooses a suite, or notes that a class meant it.
func (p *parser) add(c Cipher, named bool) {
	if !named && c.enc&(rc4|tripleDES) != 0 && c.Available() {
		if p.state[c.ID] != chosen {
			p.state[c.ID] = withheld
		}
		return
	}
	p.state[c.ID] = chosen
}

// list is what the string leaves.
func (p *parser) list(cipherString string) (*List, error) {
	l := &List{}
	var held []string
	can := spoken()
	for _, c := range table() {
		if p.level >= 0 && !c.meets(p.level) {
			continue
		}
		switch is := p.state[c.ID]; {
		case is == withheld:
			held = append(held, c.Name)
		case is != chosen:
		case slices.Contains(can, c.ID):
			l.Suites = append(l.Suites, c.ID)
			l.Entries = append(l.Entries, c)
		default:
			l.Unavailable = append(l.Unavailable, c.Name)
		}
	}
	l.Notes = p.notes(held)
	if len(l.Suites) > 0 {
		return l, nil
	}
	if len(l.Unavailable) > 0 {
		return nil, fmt.Errorf("%q leaves nothing that can be spoken here: not available are %s", cipherString, shortened(l.Unavailable))
	}
	if len(held) > 0 {
		return nil, fmt.Errorf("%q leaves nothing: %s are used only where they are named", cipherString, shortened(held))
	}
	if len(p.fixed) > 0 {
		return nil, errors.New("only suites of TLS 1.3 are named, which are fixed: at least one suite of the older versions is needed")
	}
	return nil, fmt.Errorf("%q leaves no cipher suite", cipherString)
}

func (p *parser) notes(held []string) []string {
	var notes []string
	for _, word := range p.ordered {
		notes = append(notes, word+": order not applied")
	}
	for _, name := range p.fixed {
		notes = append(notes, name+": the suites of TLS 1.3 are fixed and always offered with it")
	}
	if p.level >= 0 {
		notes = append(notes, fmt.Sprintf("@SECLEVEL=%d: applied to the suites, not to keys and certificates", p.level))
	}
	if len(held) > 0 {
		notes = append(notes, "used only where RC4, 3DES or the suite itself is named: "+strings.Join(held, " "))
	}
	return notes
}

// shortened keeps a refusal to one line.
func shortened(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), len(names)-most)
}

// meets reports whether the suite is good enough for a security level (SSL_CTX_set_security_level(3)).
func (c Cipher) meets(level int) bool {
	if level == 0 {
		return true
	}
	least := [...]int{80, 112, 128, 192, 256}[level-1]
	switch {
	case encryptions[place(c.enc)].security < least, c.auth == aNULL, c.mac == md5,
		least > 160 && c.mac == sha1,
		level >= 2 && c.enc == rc4,
		level >= 3 && c.kx&(kDHE|kECDHE) == 0:
		return false
	}
	return true
}
