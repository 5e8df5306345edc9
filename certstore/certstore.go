// Package certstore owns keys, certificates, signing requests, chains and lists of certificate authorities: reading them
// in the forms that operators and authorities have, putting them in order, keeping them in the vault and writing them out.
// It does not decide whom to trust (mta/tlspolicy does) nor which profile serves where (config does).
// Commands, mta and its parts may import it; it imports nothing of ours. Its errors never hold key material.
package certstore

import (
	"crypto"
	"crypto/x509"
	"errors"
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

// What a caller tells apart. The text is for the operator, after a word such as "Invalid certificate: ".
var (
	ErrWrongKey   = errors.New("its public key is not the key of the profile")
	ErrPassphrase = errors.New("the pass phrase does not open the file")
	ErrParse      = errors.New("the content cannot be read")
	ErrEncrypted  = errors.New("the private key is encrypted; decrypt it first")
)

// Pair is a private key with the certificates that speak for it. It is immutable once published.
type Pair struct {
	Key   crypto.Signer
	Chain []*x509.Certificate // Chain[0] is the leaf, then the intermediates in order
	CSR   []byte              // DER of the signing request, or nil
}

// Profile is the content of a certificate profile: one pair, or several with keys of different kinds, as Demo has.
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
