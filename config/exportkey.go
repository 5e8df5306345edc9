package config

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	exportKeyName = "export_key" // the file in the vault's folder
	exportKeySize = 32
	exportSumSize = 3 // so that the text is 56 letters without padding, and a mistyped one is found out
)

var (
	// ErrExportKey says that a text is no export key.
	ErrExportKey = errors.New("that is not an export key: it has 56 letters and digits, with hyphens between groups of eight")
	// errOtherKey says that a secret is encrypted under another appliance's key.
	errOtherKey = errors.New("it is encrypted under the export key of another appliance")
	errSealed   = errors.New("it is damaged, or was not encrypted under the key that it names")
)

// ExportKey is what secrets are encrypted under in a saved configuration. Encryption is deterministic, so that a file
// differs from an older one only where a secret does: the nonce is a keyed digest of the secret and its kind, which is
// checked when it is read (the construction of RFC 5297, with XChaCha20-Poly1305, whose nonce has room for it).
type ExportKey struct {
	raw    [exportKeySize]byte
	id     string // names the key without telling it
	digest []byte // the key of the nonces
	cipher []byte // the key of the encryption
}

// KeyFiles is where the key is kept; *safefile.Vault is one.
type KeyFiles interface {
	ReadFile(name string) ([]byte, error)
	WriteFile(name string, content []byte) error
}

// MakeExportKey makes the appliance's key where it has none yet.
func MakeExportKey(files KeyFiles) error {
	_, err := files.ReadFile(exportKeyName)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var raw [exportKeySize]byte
	rand.Read(raw[:]) // never fails
	return files.WriteFile(exportKeyName, []byte(exportKeyOf(raw).Text()+"\n"))
}

// ReadExportKey returns the appliance's key.
func ReadExportKey(files KeyFiles) (*ExportKey, error) {
	text, err := files.ReadFile(exportKeyName)
	if err != nil {
		return nil, fmt.Errorf("export key: %w", err)
	}
	return ParseExportKey(string(text))
}

func exportKeyOf(raw [exportKeySize]byte) *ExportKey {
	derive := func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, raw[:], nil, "posthouse saved configuration 1: "+purpose, exportKeySize)
		if err != nil {
			panic(err) // only for a length that is out of bounds
		}
		return key
	}
	return &ExportKey{raw: raw, id: hex.EncodeToString(derive("name")[:4]), digest: derive("nonce"), cipher: derive("encryption")}
}

var exportLetters = base32.StdEncoding.WithPadding(base32.NoPadding)

// Text is the key as operators keep it; it is as secret as everything that is encrypted under it.
func (k *ExportKey) Text() string {
	sum := sha256.Sum256(k.raw[:])
	letters := strings.ToLower(exportLetters.EncodeToString(append(k.raw[:len(k.raw):len(k.raw)], sum[:exportSumSize]...)))
	var groups []string
	for ; letters != ""; letters = letters[8:] {
		groups = append(groups, letters[:8])
	}
	return strings.Join(groups, "-")
}

// String keeps the key out of logs.
func (k *ExportKey) String() string { return "export key " + k.id }

// ParseExportKey reads what Text wrote, in either case, with or without hyphens and blanks.
func ParseExportKey(text string) (*ExportKey, error) {
	letters := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(text)))
	data, err := exportLetters.DecodeString(letters)
	if err != nil || len(data) != exportKeySize+exportSumSize {
		return nil, ErrExportKey
	}
	sum := sha256.Sum256(data[:exportKeySize])
	if string(sum[:exportSumSize]) != string(data[exportKeySize:]) {
		return nil, ErrExportKey
	}
	return exportKeyOf([exportKeySize]byte(data)), nil
}

// nonce is a digest of the secret and its kind that nobody without the key can make.
func (k *ExportKey) nonce(kind string, content []byte) []byte {
	mac := hmac.New(sha256.New, k.digest)
	mac.Write([]byte(kind + "\x00")) // a kind is made of lower-case letters
	mac.Write(content)
	return mac.Sum(nil)[:chacha20poly1305.NonceSizeX]
}

// sealedMark opens a secret that is encrypted: "encrypted:1:KEY:KIND:" and base64.
const sealedMark = "encrypted:1:"

// seal encrypts a secret. Its kind, which the vault needs, is kept in clear and cannot be changed.
func (k *ExportKey) seal(kind string, content []byte) string {
	aead, err := chacha20poly1305.NewX(k.cipher)
	if err != nil {
		panic(err) // only for a key of another length
	}
	nonce := k.nonce(kind, content)
	sealed := aead.Seal(nonce, nonce, content, []byte(kind))
	return sealedMark + k.id + ":" + kind + ":" + base64.StdEncoding.EncodeToString(sealed)
}

// isSealed says whether a text is meant to be an encrypted secret.
func isSealed(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), sealedMark) }

// openSealed decrypts a secret under the one of keys that it names.
func openSealed(keys []*ExportKey, text string) (kind string, content []byte, err error) {
	parts := strings.SplitN(strings.TrimPrefix(strings.TrimSpace(text), sealedMark), ":", 3)
	if len(parts) != 3 {
		return "", nil, errSealed
	}
	sealed, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(parts[2]), ""))
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return "", nil, errSealed
	}
	for _, k := range keys {
		if k.id == parts[0] {
			content, err = k.open(parts[1], sealed)
			return parts[1], content, err
		}
	}
	return "", nil, errOtherKey
}

func (k *ExportKey) open(kind string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.cipher)
	if err != nil {
		return nil, err
	}
	nonce := sealed[:chacha20poly1305.NonceSizeX]
	content, err := aead.Open(nil, nonce, sealed[len(nonce):], []byte(kind))
	if err != nil || !hmac.Equal(nonce, k.nonce(kind, content)) {
		return nil, errSealed
	}
	return content, nil
}
