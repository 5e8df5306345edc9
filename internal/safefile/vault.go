package safefile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrDamaged says that a secret's content is not what its name promises.
var ErrDamaged = errors.New("content does not match its name")

// Vault is a folder of secrets that are named by their content: a name once given always means the same bytes, so a
// reference to it can be copied, compared and kept for ever. The name is made from the content itself and stays the same
// whether the file is encrypted or not. Methods may be called at the same time.
type Vault struct {
	dir  string
	fsys FS

	mu      sync.RWMutex // held for writing while contents are encrypted anew
	current *sealer      // what new content is encrypted with; nil: not at all
	known   map[string]*sealer
}

// OpenVault opens the vault at dir and makes the folder, 0700, where there is none. With a master key everything that is not
// encrypted under it yet is; without one an encrypted vault is ErrLocked, with a wrong one ErrMasterKey.
func OpenVault(dir string, opts ...VaultOption) (*Vault, error) { return OpenVaultFS(OS, dir, opts...) }

// OpenVaultFS is OpenVault on another file system.
func OpenVaultFS(fsys FS, dir string, opts ...VaultOption) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v := &Vault{dir: dir, fsys: fsys}
	if err := v.unlock(keysOf(opts), true); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := v.encryptAll(); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

// ViewVault returns the vault at dir for reading only; it makes and changes nothing. What cannot be decrypted is an error of Get.
func ViewVault(dir string, opts ...VaultOption) *Vault {
	v := &Vault{dir: dir, fsys: OS}
	// A salt that cannot be read leaves the key out, and Get says that it is missing.
	_ = v.unlock(keysOf(opts), false)
	return v
}

// Put keeps content and returns its name, "KIND-" and 32 hexadecimal digits. The same content again is the same name.
// Kind is 1 to 32 lower-case letters.
func (v *Vault) Put(kind string, content []byte) (string, error) {
	if !validKind(kind) {
		return "", fmt.Errorf("put secret: kind %q", kind)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	id := kind + "-" + digest(content)
	path := filepath.Join(v.dir, id)
	if _, err := v.get(id); err == nil {
		// The new time keeps Sweep away until the configuration that wants it is committed.
		now := time.Now()
		if os.Chtimes(path, now, now) == nil && v.fsys.SyncDir(v.dir) == nil {
			return id, nil
		}
	}
	if err := WriteFS(v.fsys, path, v.sealed(id, content), 0o600); err != nil {
		return "", fmt.Errorf("put secret: %w", err)
	}
	return id, nil
}

// Get returns the content of id. The error wraps fs.ErrNotExist where there is none, ErrDamaged where it was altered, and
// ErrLocked or ErrMasterKey where the key for it is not given.
func (v *Vault) Get(id string) ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.get(id)
}

func (v *Vault) get(id string) ([]byte, error) {
	_, sum, ok := splitID(id)
	if !ok {
		return nil, fmt.Errorf("get secret %q: not a name of one: %w", clip(id), fs.ErrNotExist)
	}
	content, err := os.ReadFile(filepath.Join(v.dir, id))
	if err != nil {
		return nil, fmt.Errorf("get secret: %w", err)
	}
	if digest(content) == sum {
		return content, nil // in clear, whatever it looks like
	}
	if content, err = v.opened(id, content); err != nil {
		return nil, fmt.Errorf("get secret %s: %w", id, err)
	}
	if digest(content) != sum {
		return nil, fmt.Errorf("get secret %s: %w", id, ErrDamaged)
	}
	return content, nil
}

// Sweep removes every secret that keep does not name and that was put longer than olderThan ago, and what crashed
// writers left behind. Files of other names are not the vault's and stay.
func (v *Vault) Sweep(keep map[string]bool, olderThan time.Duration) error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return fmt.Errorf("sweep vault: %w", err)
	}
	var faults []error
	for _, e := range entries {
		if keep[e.Name()] || !swept(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) <= olderThan {
			continue
		}
		if err := v.fsys.Remove(filepath.Join(v.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, fmt.Errorf("sweep vault: %w", err))
		}
	}
	return errors.Join(faults...)
}

// swept says whether a file of the folder is the vault's own.
func swept(name string) bool {
	if ok, _ := filepath.Match(tempPattern, name); ok {
		return true
	}
	_, _, ok := splitID(name)
	return ok
}

func splitID(id string) (kind, sum string, ok bool) {
	kind, sum, ok = strings.Cut(id, "-")
	if !ok || !validKind(kind) || len(sum) != 32 || strings.Trim(sum, "0123456789abcdef") != "" {
		return "", "", false
	}
	return kind, sum, true
}

func validKind(kind string) bool {
	return len(kind) >= 1 && len(kind) <= 32 && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") == ""
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
