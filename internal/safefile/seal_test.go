package safefile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func rawKey(b byte) []byte { return bytes.Repeat([]byte{b}, masterKeySize) }

func masterKey(t *testing.T, data []byte) *MasterKey {
	t.Helper()
	k, err := ParseMasterKey(data)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openVault(t *testing.T, dir string, opts ...VaultOption) *Vault {
	t.Helper()
	v, err := OpenVault(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustGet(t *testing.T, v *Vault, id, want string) {
	t.Helper()
	if got, err := v.Get(id); err != nil || string(got) != want {
		t.Errorf("get %s: %q, %v", id, got, err)
	}
}

// inClear says whether any file of the folder holds the text.
func inClear(t *testing.T, dir, text string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(content(t, filepath.Join(dir, e.Name())), text) {
			return true
		}
	}
	return false
}

func TestParseMasterKey(t *testing.T) {
	raw := rawKey(0x81)
	for name, data := range map[string][]byte{
		"raw":        raw,
		"hex":        []byte(hex.EncodeToString(raw) + "\n"),
		"base64":     []byte(base64.StdEncoding.EncodeToString(raw) + "\r\n"),
		"base64 url": []byte(base64.RawURLEncoding.EncodeToString(raw)),
	} {
		if k := masterKey(t, data); !bytes.Equal(k.raw, raw) {
			t.Errorf("%s is read as another key", name)
		}
	}
	for _, phrase := range []string{"twelve chars", "exactly thirty-two characters ok", "ein Satz mit Umlauten: äöü\n"} {
		if k := masterKey(t, []byte(phrase)); k.raw != nil || string(k.phrase) != strings.TrimSuffix(phrase, "\n") {
			t.Errorf("%q is not a pass phrase", phrase)
		}
	}
	for _, bad := range [][]byte{nil, []byte("\n"), []byte("too short"), []byte("a line\nand another one"), rawKey(0x81)[1:], make([]byte, 5000)} {
		if _, err := ParseMasterKey(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	k := masterKey(t, []byte("a secret pass phrase"))
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(s, "secret") || strings.Contains(s, fmt.Sprint(k.phrase)) {
		t.Errorf("it shows itself: %s", s)
	}
}

func TestReadMasterKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := map[string]string{}
	read := func(path string) (string, string, error) {
		current, previous, err := ReadMasterKey(path, func(name string) string { return env[name] })
		phrase := func(k *MasterKey) string {
			if k == nil {
				return ""
			}
			return string(k.phrase)
		}
		return phrase(current), phrase(previous), err
	}
	expect := func(path, current, previous string) {
		t.Helper()
		if c, p, err := read(path); err != nil || c != current || p != previous {
			t.Errorf("got %q, %q, %v", c, p, err)
		}
	}
	expect("", "", "")
	env[MasterKeyVariable] = "of the environment"
	expect("", "of the environment", "")
	env[MasterKeyVariable+"_PREVIOUS"] = "of an older environment"
	expect("", "of the environment", "of an older environment")
	env["CREDENTIALS_DIRECTORY"] = dir
	expect("", "of the environment", "of an older environment")
	file(MasterKeyCredential, "of the credential\n", 0o400)
	expect("", "of the credential", "")
	file(MasterKeyCredential+"-previous", "of an older credential", 0o400)
	expect("", "of the credential", "of an older credential")
	path := file("key", "of the file name\n", 0o600)
	expect(path, "of the file name", "")
	file("key.previous", "of an older file name", 0o600)
	expect(path, "of the file name", "of an older file name")
	if _, _, err := read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	open := file("open", "of everybody's file", 0o600)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(open); err == nil || strings.Contains(err.Error(), "everybody's file") {
		t.Errorf("a file that everybody can read: %v", err)
	}
	if _, _, err := read(file("short", "short", 0o600)); err == nil {
		t.Error("a short key is accepted")
	}
}

func TestVaultUnderAMasterKey(t *testing.T) {
	for name, key := range map[string]*MasterKey{"raw": masterKey(t, rawKey(1)), "pass phrase": masterKey(t, []byte("a pass phrase for tests"))} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plain := openVault(t, dir)
			before := mustPut(t, plain, "certificate", "a private key of before")
			if err := plain.WriteFile("ssh_host_key", []byte("a host key of before")); err != nil {
				t.Fatal(err)
			}
			v := openVault(t, dir, WithMasterKey(key))
			after := mustPut(t, v, "certificate", "a private key of later")
			for _, text := range []string{"private key", "host key"} {
				if inClear(t, dir, text) {
					t.Errorf("%q is on the disk in clear", text)
				}
			}
			again := openVault(t, dir, WithMasterKey(key))
			for _, v := range []*Vault{v, again, ViewVault(dir, WithMasterKey(key))} {
				mustGet(t, v, before, "a private key of before")
				mustGet(t, v, after, "a private key of later")
				if data, err := v.ReadFile("ssh_host_key"); err != nil || string(data) != "a host key of before" {
					t.Errorf("named file: %q, %v", data, err)
				}
			}
			if id := mustPut(t, again, "certificate", "a private key of before"); id != before {
				t.Errorf("the same content has the name %s, had %s", id, before)
			}
		})
	}
}

func TestVaultWithoutItsKey(t *testing.T) {
	dir := t.TempDir()
	v := openVault(t, dir, WithMasterKey(masterKey(t, rawKey(1))))
	id := mustPut(t, v, "a", "secret")
	if err := v.WriteFile("file", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	snapshot := content(t, filepath.Join(dir, id))
	if _, err := OpenVault(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("without a key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0-plain"), []byte("in clear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenVault(dir, WithMasterKey(masterKey(t, rawKey(2)))); !errors.Is(err, ErrMasterKey) {
		t.Errorf("with a wrong key: %v", err)
	}
	if content(t, filepath.Join(dir, id)) != snapshot || content(t, filepath.Join(dir, "0-plain")) != "in clear" {
		t.Error("a wrong key has changed something")
	}
	if _, err := ViewVault(dir).Get(id); !errors.Is(err, ErrLocked) {
		t.Errorf("a view without a key: %v", err)
	}
	if _, err := ViewVault(dir, WithMasterKey(masterKey(t, []byte("a pass phrase without its salt")))).ReadFile("file"); err == nil {
		t.Error("a view with a wrong pass phrase reads")
	}
}

// An encrypted file does not open in another's place, and one that was altered is damaged and nothing else.
func TestSealedFilesStayInTheirPlace(t *testing.T) {
	dir := t.TempDir()
	key := WithMasterKey(masterKey(t, rawKey(1)))
	v := openVault(t, dir, key)
	one, other := mustPut(t, v, "a", "one"), mustPut(t, v, "a", "other")
	data := []byte(content(t, filepath.Join(dir, one)))
	if err := os.WriteFile(filepath.Join(dir, other), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Get(other); !errors.Is(err, ErrDamaged) {
		t.Errorf("in another's place: %v", err)
	}
	for i := range data {
		altered := bytes.Clone(data)
		altered[i] ^= 1
		if err := os.WriteFile(filepath.Join(dir, one), altered, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Get(one); err == nil {
			t.Fatalf("byte %d altered: %q", i, got)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, one), data[:headSize+3], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openVault(t, dir, key).Get(one); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut off: %v", err)
	}
}

func TestRekey(t *testing.T) {
	dir := t.TempDir()
	first, second := masterKey(t, rawKey(1)), masterKey(t, []byte("the second master key"))
	v := openVault(t, dir, WithMasterKey(first))
	id := mustPut(t, v, "a", "secret")
	if err := v.Rekey(second); err != nil {
		t.Fatal(err)
	}
	mustGet(t, v, id, "secret")
	mustGet(t, openVault(t, dir, WithMasterKey(second)), id, "secret")
	if _, err := OpenVault(dir, WithMasterKey(first)); !errors.Is(err, ErrMasterKey) {
		t.Errorf("with the key of before: %v", err)
	}
	mustGet(t, openVault(t, dir, WithMasterKey(first), WithPreviousKeys(nil, second)), id, "secret")
	v = openVault(t, dir, WithMasterKey(first))
	if err := v.Rekey(nil); err != nil || !inClear(t, dir, "secret") {
		t.Errorf("back in clear: %v", err)
	}
	mustGet(t, openVault(t, dir), id, "secret")
}

// A change of the key that breaks off can be gone on with: both keys open what is left.
func TestRekeyBreaksOff(t *testing.T) {
	first, second := masterKey(t, rawKey(1)), masterKey(t, rawKey(2))
	for _, step := range []string{"create", "write", "sync", "close", "rename", "syncdir"} {
		dir := t.TempDir()
		v := openVault(t, dir, WithMasterKey(first))
		ids := []string{mustPut(t, v, "a", "one"), mustPut(t, v, "a", "two")}
		broken, err := OpenVaultFS(failing{OS, step}, dir, WithMasterKey(first))
		if err != nil {
			t.Fatal(err)
		}
		if err := broken.Rekey(second); err == nil {
			t.Errorf("%s: no error", step)
		}
		mustGet(t, broken, ids[0], "one")
		mustGet(t, broken, ids[1], "two")
		again := openVault(t, dir, WithMasterKey(second), WithPreviousKeys(first))
		mustGet(t, again, ids[0], "one")
		mustGet(t, openVault(t, dir, WithMasterKey(second)), ids[1], "two")
	}
}

func TestNamedFiles(t *testing.T) {
	v, _ := newVault(t)
	for _, name := range []string{"a-0123456789abcdef0123456789abcdef", saltFile, "../x", "", ".hidden"} {
		if err := v.WriteFile(name, nil); err == nil {
			t.Errorf("%q is written", name)
		}
		if _, err := v.ReadFile(name); err == nil {
			t.Errorf("%q is read", name)
		}
	}
	if _, err := v.ReadFile("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseMasterKey(f *testing.F) {
	for _, seed := range [][]byte{rawKey(1), []byte(hex.EncodeToString(rawKey(1))), []byte("a pass phrase"), {}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseMasterKey(data)
		if (k == nil) == (err == nil) || k != nil && len(k.raw) != masterKeySize && len(k.phrase) < leastPassPhrase {
			t.Errorf("%v, %v", k, err)
		}
	})
}
