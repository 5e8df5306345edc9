package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"posthouse/internal/safefile"
)

// identity is what stays the same for an appliance's whole life.
type identity struct {
	Serial    string    `json:"serial"`
	Installed time.Time `json:"installed"`
}

func identityFile(dir string) string { return filepath.Join(dir, "state", "identity.json") }

// makeIdentity gives the appliance its serial number, once.
func makeIdentity(dir string) error {
	if _, err := os.Stat(identityFile(dir)); err == nil {
		return nil
	}
	data, err := json.Marshal(identity{Serial: newSerial(), Installed: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return safefile.Write(identityFile(dir), append(data, '\n'), 0o600)
}

func readIdentity(dir string) (identity, error) {
	var id identity
	data, err := os.ReadFile(identityFile(dir))
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(data, &id); err != nil {
		return id, fmt.Errorf("%s: %w", identityFile(dir), err)
	}
	return id, nil
}

// hostKeyKinds are the SSH host keys: management appliances of some age know no more than ECDSA or RSA.
var hostKeyKinds = []struct {
	name string
	make func() (crypto.PrivateKey, error)
}{
	{"ed25519", func() (crypto.PrivateKey, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err }},
	{"ecdsa", func() (crypto.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"rsa", func() (crypto.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) }},
}

func hostKeyName(kind string) string { return "ssh_host_" + kind + "_key" }

// makeHostKeys makes the host keys that are not there yet.
func makeHostKeys(vault *safefile.Vault) error {
	for _, kind := range hostKeyKinds {
		if _, err := vault.ReadFile(hostKeyName(kind.name)); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return err
			}
			continue
		}
		key, err := kind.make()
		if err != nil {
			return fmt.Errorf("make the %s host key: %w", kind.name, err)
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return fmt.Errorf("make the %s host key: %w", kind.name, err)
		}
		if err := vault.WriteFile(hostKeyName(kind.name), pem.EncodeToMemory(block)); err != nil {
			return err
		}
	}
	return nil
}

// readHostKeys loads every host key. A missing one is an error: a key made in its place would look like an attack.
func readHostKeys(vault *safefile.Vault) ([]ssh.Signer, error) {
	var keys []ssh.Signer
	for _, kind := range hostKeyKinds {
		name := hostKeyName(kind.name)
		data, err := vault.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the SSH host key keys/%s is missing: restore it, or make another with ssh-keygen", name)
		}
		if err != nil {
			return nil, err
		}
		key, err := ssh.ParsePrivateKey(data)
		if err != nil {
			return nil, fmt.Errorf("keys/%s: %w", name, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
