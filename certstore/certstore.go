// Package certstore owns keys, certificates, signing requests, chains and lists of certificate authorities: reading them
// in the forms that operators and authorities have, putting them in order, keeping them in the vault and writing them out.
// It does not decide whom to trust (mta/tlspolicy does) nor which profile serves where (config does).
// Commands, mta and its parts may import it; it imports nothing of ours. Its errors never hold key material: no error of
// a parser that has seen a private key is passed on.
package certstore

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
)

// Vault keeps content under a name made from that content; safefile.Vault is one.
type Vault interface {
	Put(kind string, content []byte) (id string, err error)
	Get(id string) ([]byte, error)
}

const (
	kindCertificate = "certificate" // the vault's kind of a profile
	kindAuthorities = "authorities" // the vault's kind of a list of authorities
)

// What a caller tells apart. The texts are for the operator, behind words such as "Invalid certificate: ".
var (
	ErrWrongKey   = errors.New("its public key is not that of the private key")
	ErrPassphrase = errors.New("the pass phrase does not open the file")
	ErrParse      = errors.New("the content cannot be read")
	ErrEncrypted  = errors.New("the private key is encrypted; paste it without encryption, or import it as PKCS#12")
)

// Pair is a private key with the certificates that speak for it. It is immutable once published.
type Pair struct {
	Key   crypto.Signer
	Chain []*x509.Certificate // Chain[0] is the leaf, then the intermediates in order
	CSR   []byte              // DER of the signing request, or nil
}

// Profile is the content of a certificate profile: one pair, or several with keys of different kinds, as Demo has.
// It always has a pair, and every pair a key and a leaf. It is immutable once published.
type Profile struct {
	Pairs []Pair
}

// Store keeps profiles and lists of authorities in a vault. Its methods may be called at the same time.
type Store struct {
	vault Vault

	mu       sync.Mutex // guards what follows
	profiles map[string]*Profile
	lists    map[string][]*x509.Certificate
}

// New returns a store over the vault.
func New(v Vault) *Store {
	return &Store{vault: v, profiles: map[string]*Profile{}, lists: map[string][]*x509.Certificate{}}
}

// Put keeps the profile and returns the id of its content; the same content has the same id.
func (s *Store) Put(p *Profile) (id string, err error) {
	content, err := encodeProfile(p)
	if err != nil {
		return "", fmt.Errorf("store certificate: %w", err)
	}
	if id, err = s.vault.Put(kindCertificate, content); err != nil {
		return "", fmt.Errorf("store certificate: %w", err)
	}
	return id, nil
}

// Get returns the profile with the id. It is shared: the caller does not change it.
func (s *Store) Get(id string) (*Profile, error) {
	return load(s, s.profiles, id, decodeProfile)
}

// PutAuthorities keeps a list of authorities, which may be empty, and returns the id of its content.
func (s *Store) PutAuthorities(list []*x509.Certificate) (id string, err error) {
	if id, err = s.vault.Put(kindAuthorities, EncodePEM(list)); err != nil {
		return "", fmt.Errorf("store authorities: %w", err)
	}
	return id, nil
}

// GetAuthorities returns the list with the id. It is shared: the caller does not change it.
func (s *Store) GetAuthorities(id string) ([]*x509.Certificate, error) {
	return load(s, s.lists, id, func(content []byte) ([]*x509.Certificate, error) {
		if len(content) == 0 {
			return nil, nil
		}
		return ParsePEMChain(content)
	})
}

// load reads and parses the content with the id, once: an id is a digest, so what was parsed stays right.
func load[T any](s *Store, parsed map[string]T, id string, parse func([]byte) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := parsed[id]; ok {
		return v, nil
	}
	var none T
	content, err := s.vault.Get(id)
	if err != nil {
		return none, fmt.Errorf("load %q: %w", id, err)
	}
	v, err := parse(content)
	if err != nil {
		return none, fmt.Errorf("load %q: %w", id, err)
	}
	// Nobody holds so many; a long life with many renewals does not grow for ever.
	if len(parsed) >= 1000 {
		clear(parsed)
	}
	parsed[id] = v
	return v, nil
}
