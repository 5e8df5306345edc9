package shell

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	gossh "golang.org/x/crypto/ssh"
)

// CheckPublicKey says whether a user can log in with a public key of that kind in its wire form (RFC 4253 §6.6).
func CheckPublicKey(kind string, blob []byte) error {
	key, err := gossh.ParsePublicKey(blob)
	if err != nil {
		return fmt.Errorf("the key cannot be read: %w", err)
	}
	known := gossh.SupportedAlgorithms().PublicKeyAuths
	if kind != gossh.KeyAlgoRSA && !slices.Contains(known, kind) { // RSA keys sign with SHA-2
		return fmt.Errorf("keys of the kind %q are not taken", key.Type())
	}
	return nil
}

// Fingerprint is a key's SHA-256 as OpenSSH and the authentication log write it.
func Fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
