package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func newVault(t *testing.T) (*Vault, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	v, err := OpenVault(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v, dir
}

func mustPut(t *testing.T, v *Vault, kind, text string) string {
	t.Helper()
	id, err := v.Put(kind, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestVaultKeepsByContent(t *testing.T) {
	v, dir := newVault(t)
	id := mustPut(t, v, "certificate", "secret")
	if again := mustPut(t, v, "certificate", "secret"); again != id {
		t.Errorf("%s and %s", id, again)
	}
	if other := mustPut(t, v, "certificate", "other"); other == id {
		t.Error("two contents of one name")
	}
	if got, err := v.Get(id); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, id): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestVaultRefuses(t *testing.T) {
	v, dir := newVault(t)
	for _, kind := range []string{"", "../x", "A", "a-b", "a b"} {
		if _, err := v.Put(kind, nil); err == nil {
			t.Errorf("kind %q is accepted", kind)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "outside"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "../outside", "certificate", "certificate-0123456789abcdef0123456789abcdef", "certificate-../outside"} {
		if _, err := v.Get(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// An altered secret is never handed out, and putting the right one again mends it.
func TestVaultDamage(t *testing.T) {
	v, dir := newVault(t)
	id := mustPut(t, v, "passphrase", "hash")
	if err := os.WriteFile(filepath.Join(dir, id), []byte("hasX"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Get(id); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	mustPut(t, v, "passphrase", "hash")
	if _, err := v.Get(id); err != nil {
		t.Error(err)
	}
}

func TestVaultPutFails(t *testing.T) {
	dir := t.TempDir()
	v, err := OpenVaultFS(failing{OS, "sync"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Put("certificate", []byte("secret")); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestVaultSweep(t *testing.T) {
	v, dir := newVault(t)
	kept, stale, again, young := mustPut(t, v, "a", "kept"), mustPut(t, v, "a", "stale"), mustPut(t, v, "a", "again"), mustPut(t, v, "a", "young")
	leftover, foreign := ".posthouse-123.tmp", "README"
	ago := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{leftover, foreign} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{kept, stale, again, leftover, foreign} {
		if err := os.Chtimes(filepath.Join(dir, name), ago, ago); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, v, "a", "again") // wanted by somebody who has not committed yet
	if err := v.Sweep(map[string]bool{kept: true}, time.Hour); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{kept: true, stale: false, again: true, young: true, leftover: false, foreign: true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVaultFromManySides(t *testing.T) {
	v, _ := newVault(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			id, err := v.Put("a", []byte("the same"))
			if err == nil {
				_, err = v.Get(id)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestViewVaultMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := ViewVault(dir).Get("a-0123456789abcdef0123456789abcdef"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
