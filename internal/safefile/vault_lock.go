package safefile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// VaultOption is a setting of OpenVault and ViewVault.
type VaultOption func(*vaultKeys)

type vaultKeys struct {
	current  *MasterKey
	previous []*MasterKey
}

// WithMasterKey encrypts the vault's content; nil leaves it in clear.
func WithMasterKey(key *MasterKey) VaultOption { return func(k *vaultKeys) { k.current = key } }

// WithPreviousKeys names keys that content may still be encrypted under. OpenVault encrypts it anew.
func WithPreviousKeys(keys ...*MasterKey) VaultOption {
	return func(k *vaultKeys) {
		for _, key := range keys {
			if key != nil {
				k.previous = append(k.previous, key)
			}
		}
	}
}

func keysOf(opts []VaultOption) (k vaultKeys) {
	for _, o := range opts {
		o(&k)
	}
	return k
}

// saltFile holds the salt of pass phrases, in hexadecimal. It is no secret.
const (
	saltFile = "master.salt"
	saltSize = 16
)

// unlock makes the keys ready.
func (v *Vault) unlock(keys vaultKeys, create bool) error {
	v.known = make(map[string]*sealer)
	for _, k := range append(keys.previous[:len(keys.previous):len(keys.previous)], keys.current) {
		if k == nil {
			continue
		}
		s, err := v.ready(k, create)
		if err != nil {
			return err
		}
		v.known[s.id] = s
		if k == keys.current {
			v.current = s
		}
	}
	return nil
}

func (v *Vault) ready(k *MasterKey, create bool) (*sealer, error) {
	if k.raw != nil {
		return cipherOf(k, nil)
	}
	salt, err := v.salt(create)
	if err != nil {
		return nil, err
	}
	return cipherOf(k, salt)
}

// salt returns the vault's own and makes it where there is none.
func (v *Vault) salt(create bool) ([]byte, error) {
	path := filepath.Join(v.dir, saltFile)
	text, err := os.ReadFile(path)
	if err == nil {
		salt, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil || len(salt) != saltSize {
			return nil, fmt.Errorf("%s: it is not the salt of a pass phrase: %w", saltFile, ErrDamaged)
		}
		return salt, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || !create {
		return nil, fmt.Errorf("salt of the pass phrase: %w", err)
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	if err := WriteFS(v.fsys, path, []byte(hex.EncodeToString(salt)+"\n"), 0o600); err != nil {
		return nil, err
	}
	return salt, nil
}

// sealed returns what stands in the file.
func (v *Vault) sealed(name string, content []byte) []byte {
	if v.current == nil {
		return content
	}
	return v.current.seal(name, content)
}

// opened returns the content of a file that is not in clear.
func (v *Vault) opened(name string, data []byte) ([]byte, error) {
	if !isSealed(data) {
		return nil, ErrDamaged
	}
	s := v.known[sealedBy(data)]
	switch {
	case s != nil:
		return s.open(name, data)
	case len(v.known) == 0:
		return nil, ErrLocked
	}
	return nil, ErrMasterKey
}

// Rekey encrypts everything anew under key; nil brings it back in clear. A failure in the middle leaves content under both
// keys, which the Vault goes on reading: call it again, or open the vault with both keys.
func (v *Vault) Rekey(key *MasterKey) error {
	v.mu.Lock()
	var next *sealer
	if key != nil {
		var err error
		if next, err = v.ready(key, true); err != nil {
			v.mu.Unlock()
			return fmt.Errorf("change master key: %w", err)
		}
		v.known[next.id] = next
	}
	v.current = next
	v.mu.Unlock()
	if err := v.encryptAll(); err != nil {
		return fmt.Errorf("change master key: %w", err)
	}
	return nil
}

// encryptAll brings every file under the current key. Files that are damaged stay as they are, for Get to name.
func (v *Vault) encryptAll() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	// Everything is looked at before anything is written, so that a wrong key changes nothing.
	anew := make(map[string][]byte)
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == saltFile || e.Name()[0] == '.' {
			continue
		}
		content, stale, err := v.stale(e.Name())
		if errors.Is(err, ErrLocked) || errors.Is(err, ErrMasterKey) {
			return fmt.Errorf("%s: %w", v.dir, err) // which of the files does not matter
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		if stale {
			anew[e.Name()] = content
		}
	}
	for _, name := range slices.Sorted(maps.Keys(anew)) {
		if err := v.replace(filepath.Join(v.dir, name), v.sealed(name, anew[name])); err != nil {
			return err
		}
	}
	return nil
}

// stale says whether a file is not kept as it should be, and returns its content then. What is damaged is left alone.
func (v *Vault) stale(name string) (content []byte, stale bool, err error) {
	data, err := os.ReadFile(filepath.Join(v.dir, name))
	if err != nil {
		return nil, false, err
	}
	_, sum, named := splitID(name)
	switch {
	case named && digest(data) == sum, !named && !isSealed(data):
		return data, v.current != nil, nil
	case !isSealed(data), v.current != nil && sealedBy(data) == v.current.id:
		return nil, false, nil
	}
	content, err = v.opened(name, data)
	if errors.Is(err, ErrDamaged) {
		return nil, false, nil
	}
	return content, err == nil, err
}

// replace keeps the file's time, which Sweep looks at.
func (v *Vault) replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := WriteFS(v.fsys, path, data, 0o600); err != nil {
		return err
	}
	// A newer time only keeps the secret for another day.
	_ = os.Chtimes(path, time.Time{}, info.ModTime())
	return nil
}

// WriteFile keeps content under a plain name of its own in the vault's folder, such as a host key, encrypted like the rest.
// The name is not of the form that Put gives.
func (v *Vault) WriteFile(name string, content []byte) error {
	if err := ownName(name); err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if err := WriteFS(v.fsys, filepath.Join(v.dir, name), v.sealed(name, content), 0o600); err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	return nil
}

// ReadFile returns what WriteFile kept, or what was put there in clear. The errors are those of Get.
func (v *Vault) ReadFile(name string) ([]byte, error) {
	if err := ownName(name); err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	data, err := os.ReadFile(filepath.Join(v.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if !isSealed(data) {
		return data, nil
	}
	content, err := v.opened(name, data)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return content, nil
}

func ownName(name string) error {
	if _, _, ok := splitID(name); ok || name == saltFile {
		return fmt.Errorf("the name %q belongs to the vault", name)
	}
	return Name(name)
}
