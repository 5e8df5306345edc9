package safefile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

const (
	masterKeySize = 32
	// leastPassPhrase keeps a forgotten file or an empty variable from becoming a key.
	leastPassPhrase = 12
	maxKeyInput     = 4096
)

// MasterKey is what a vault's content is encrypted under: 32 bytes, or a pass phrase that argon2id makes them of with
// the vault's own salt. It does not show itself when it is printed.
type MasterKey struct {
	raw    []byte // 32 bytes; nil for a pass phrase
	phrase []byte
}

// String keeps the key out of logs and messages.
func (k *MasterKey) String() string { return "(master key)" }

// GoString does the same for %#v.
func (k *MasterKey) GoString() string { return k.String() }

// ParseMasterKey reads a master key: 32 raw bytes, 64 hexadecimal digits, 32 bytes in base64, or else a pass phrase of at
// least 12 characters. A line's end behind it does not count. No error holds any of it.
func ParseMasterKey(data []byte) (*MasterKey, error) {
	if len(data) > maxKeyInput {
		return nil, fmt.Errorf("master key: it is longer than %d bytes", maxKeyInput)
	}
	if len(data) == masterKeySize && !printable(data) {
		return &MasterKey{raw: bytes.Clone(data)}, nil
	}
	text := bytes.TrimRight(data, "\r\n")
	if raw, ok := encodedKey(string(text)); ok {
		return &MasterKey{raw: raw}, nil
	}
	switch {
	case len(text) == 0:
		return nil, errors.New("master key: it is empty")
	case !printable(text):
		return nil, errors.New("master key: it is neither 32 bytes nor text")
	case utf8.RuneCount(text) < leastPassPhrase:
		return nil, fmt.Errorf("master key: a pass phrase has at least %d characters", leastPassPhrase)
	}
	return &MasterKey{phrase: bytes.Clone(text)}, nil
}

// encodedKey reads 32 bytes in hexadecimal or any usual base64.
func encodedKey(text string) ([]byte, bool) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == masterKeySize {
		return raw, true
	}
	unpadded := strings.TrimRight(text, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if raw, err := enc.DecodeString(unpadded); err == nil && len(raw) == masterKeySize {
			return raw, true
		}
	}
	return nil, false
}

func printable(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// The names under which a master key is looked for. Behind each, the key that was in force before, while contents are
// still to be encrypted anew, is looked for with the suffix.
const (
	MasterKeyCredential = "posthouse-master-key" // in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=)
	MasterKeyVariable   = "POSTHOUSE_MASTER_KEY"

	previousCredential = "-previous"
	previousVariable   = "_PREVIOUS"
	previousFile       = ".previous"
)

// ReadMasterKey looks for the master key in the file, where one is named, else in the service manager's credential, else in
// the environment, which getenv answers for. Both keys are nil where there is none. The previous key comes from the same
// place: FILE.previous, the credential posthouse-master-key-previous or POSTHOUSE_MASTER_KEY_PREVIOUS.
func ReadMasterKey(file string, getenv func(string) string) (current, previous *MasterKey, err error) {
	if file != "" {
		if current, err = keyFile(file, true); err == nil {
			previous, err = keyFile(file+previousFile, false)
		}
		return current, previous, err
	}
	if dir := getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		path := filepath.Join(dir, MasterKeyCredential)
		if current, err = keyFile(path, false); current != nil || err != nil {
			if err == nil {
				previous, err = keyFile(path+previousCredential, false)
			}
			return current, previous, err
		}
	}
	if current, err = keyVariable(MasterKeyVariable, getenv); current == nil || err != nil {
		return nil, nil, err
	}
	previous, err = keyVariable(MasterKeyVariable+previousVariable, getenv)
	return current, previous, err
}

// keyFile reads a key; nil where there is no file and none is needed.
func keyFile(path string, needed bool) (*MasterKey, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !needed {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("master key: %s can be read or written by everybody; chmod it to 0600", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyInput+1))
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	key, err := ParseMasterKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func keyVariable(name string, getenv func(string) string) (*MasterKey, error) {
	text := getenv(name)
	if text == "" {
		return nil, nil
	}
	key, err := ParseMasterKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// The cost of argon2id for a pass phrase: about a tenth of a second, once a start.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 2
)

// cipherOf makes the cipher of a key; salt is that of the vault.
func cipherOf(k *MasterKey, salt []byte) (*sealer, error) {
	raw := k.raw
	if raw == nil {
		raw = argon2.IDKey(k.phrase, salt, argonTime, argonMemory, argonThreads, masterKeySize)
	}
	key, err := hkdf.Key(sha256.New, raw, nil, "posthouse vault 1 encryption", masterKeySize)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	id, err := hkdf.Key(sha256.New, raw, nil, "posthouse vault 1 key id", keyIDSize)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return &sealer{id: string(id), aead: aead}, nil
}
