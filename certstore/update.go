package certstore

import (
	"crypto/x509"
	"slices"
)

// Update replaces a leaf by the authority's answer, which must belong to a key of the profile, else ErrWrongKey.
// The certificates may stand in any order and hold intermediates. With keepIntermediates the present ones are used
// too, where they fit. The notes are as in Assemble. The profile itself stays as it is.
func (p *Profile) Update(certs []*x509.Certificate, keepIntermediates bool, known ...*x509.Certificate) (*Profile, []string, error) {
	for i, pair := range p.Pairs {
		leaf := leafOf(pair.Key, certs)
		if leaf == nil {
			continue
		}
		if keepIntermediates {
			certs = withPresent(certs, pair.Chain[1:], leaf)
		}
		chain, notes := order(leaf, certs, known)
		updated := &Profile{Pairs: slices.Clone(p.Pairs)}
		updated.Pairs[i] = Pair{Key: pair.Key, Chain: chain, CSR: pair.CSR}
		return updated, notes, nil
	}
	return nil, nil, ErrWrongKey
}

// withPresent appends those of the present intermediates that the new leaf's chain uses: the others were the old leaf's,
// and naming them would only confuse.
func withPresent(certs, present []*x509.Certificate, leaf *x509.Certificate) []*x509.Certificate {
	all := slices.Clone(certs)
	chain := climb(leaf, slices.Concat(certs, present))
	for _, c := range present {
		if slices.Contains(chain, c) && !slices.ContainsFunc(certs, c.Equal) {
			all = append(all, c)
		}
	}
	return all
}

// AddIntermediates returns the profile with further intermediates, in order, and the notes of Assemble.
// Every pair whose chain they extend gets them.
func (p *Profile) AddIntermediates(certs []*x509.Certificate, known ...*x509.Certificate) (*Profile, []string, error) {
	extended := &Profile{Pairs: slices.Clone(p.Pairs)}
	var notes []string
	for i, pair := range p.Pairs {
		chain, said := order(pair.Chain[0], slices.Concat(pair.Chain, certs), known)
		if i == 0 || len(chain) > len(pair.Chain) {
			notes = said
		}
		extended.Pairs[i] = Pair{Key: pair.Key, Chain: chain, CSR: pair.CSR}
	}
	return extended, notes, nil
}
