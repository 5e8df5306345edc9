package shell

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/internal/safefile"
)

// LoadHostKeys reads the host keys in the folder dir, one each of ed25519, ECDSA and RSA, and makes what is missing. A
// file that cannot be read is an error, never a reason for a new key: operators would see a stranger's appliance.
func LoadHostKeys(dir string) ([]gossh.Signer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	makers := []struct {
		name string
		make func() (crypto.PrivateKey, error)
	}{
		{"ssh_host_ed25519_key", func() (crypto.PrivateKey, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err }},
		{"ssh_host_ecdsa_key", func() (crypto.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
		{"ssh_host_rsa_key", func() (crypto.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) }},
	}
	var signers []gossh.Signer
	for _, m := range makers {
		s, err := loadHostKey(filepath.Join(dir, m.name), m.make)
		if err != nil {
			return nil, fmt.Errorf("host key %s: %w", m.name, err)
		}
		signers = append(signers, s)
	}
	return signers, nil
}

func loadHostKey(path string, make func() (crypto.PrivateKey, error)) (gossh.Signer, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = newHostKey(path, make)
	}
	if err != nil {
		return nil, err
	}
	return gossh.ParsePrivateKey(data)
}

func newHostKey(path string, make func() (crypto.PrivateKey, error)) ([]byte, error) {
	k, err := make()
	if err != nil {
		return nil, err
	}
	block, err := gossh.MarshalPrivateKey(k, "posthouse")
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(block)
	return data, safefile.Write(path, data, 0o600)
}
