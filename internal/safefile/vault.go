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
	"time"
)

// ErrDamaged says that a secret's content is not what its name promises.
var ErrDamaged = errors.New("content does not match its name")

// Vault is a folder of secrets that are named by their content: a name once given always means the same bytes, so a
// reference to it can be copied, compared and kept for ever. Methods may be called at the same time.
type Vault struct {
	dir  string
	fsys FS
}

// OpenVault opens the vault at dir and makes the folder, 0700, where there is none.
func OpenVault(dir string) (*Vault, error) { return OpenVaultFS(OS, dir) }

// OpenVaultFS is OpenVault on another file system.
func OpenVaultFS(fsys FS, dir string) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return &Vault{dir: dir, fsys: fsys}, nil
}

// ViewVault returns the vault at dir for reading only; it makes nothing where there is none.
func ViewVault(dir string) *Vault { return &Vault{dir: dir, fsys: OS} }

// Put keeps content and returns its name, "KIND-" and 32 hexadecimal digits. The same content again is the same name.
// Kind is 1 to 32 lower-case letters.
func (v *Vault) Put(kind string, content []byte) (string, error) {
	if !validKind(kind) {
		return "", fmt.Errorf("put secret: kind %q", kind)
	}
	id := kind + "-" + digest(content)
	path := filepath.Join(v.dir, id)
	if _, err := v.Get(id); err == nil {
		// The new time keeps Sweep away until the configuration that wants it is committed.
		now := time.Now()
		if os.Chtimes(path, now, now) == nil && v.fsys.SyncDir(v.dir) == nil {
			return id, nil
		}
	}
	if err := WriteFS(v.fsys, path, content, 0o600); err != nil {
		return "", fmt.Errorf("put secret: %w", err)
	}
	return id, nil
}

// Get returns the content of id. The error wraps fs.ErrNotExist where there is none and ErrDamaged where it was altered.
func (v *Vault) Get(id string) ([]byte, error) {
	_, sum, ok := splitID(id)
	if !ok {
		return nil, fmt.Errorf("get secret %q: not a name of one: %w", clip(id), fs.ErrNotExist)
	}
	content, err := os.ReadFile(filepath.Join(v.dir, id))
	if err != nil {
		return nil, fmt.Errorf("get secret: %w", err)
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
