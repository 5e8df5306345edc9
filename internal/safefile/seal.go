package safefile

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Encrypted content begins with sealMark and the key's id; AES-256-GCM with its random nonce follows. Name and head are
// authenticated with it, so that no file can stand in for another.
const (
	sealMark  = "posthouse sealed 1\n"
	keyIDSize = 8
	headSize  = len(sealMark) + keyIDSize
)

// What is wrong with the key of an encrypted secret.
var (
	// ErrLocked says that content is encrypted and no master key is given.
	ErrLocked = errors.New("the secrets are encrypted; give the master key by the file of -master-key, the credential " +
		MasterKeyCredential + " or the variable " + MasterKeyVariable)
	// ErrMasterKey says that content is encrypted under a key that is not among those given.
	ErrMasterKey = errors.New("the secrets are encrypted under another master key; give the right one, or both while the key is being " +
		"changed: the old one with \".previous\" behind the file's name, \"-previous\" behind the credential's or \"_PREVIOUS\" behind the variable's")
)

// sealer is a master key that is ready for use.
type sealer struct {
	id   string
	aead cipher.AEAD
}

func isSealed(data []byte) bool {
	return len(data) >= headSize && bytes.HasPrefix(data, []byte(sealMark))
}

// sealedBy returns the id of the key that data is encrypted under.
func sealedBy(data []byte) string { return string(data[len(sealMark):headSize]) }

// seal encrypts content for the place that name says.
func (s *sealer) seal(name string, content []byte) []byte {
	head := append([]byte(sealMark), s.id...)
	return s.aead.Seal(bytes.Clone(head), nil, content, append(head, name...))
}

// open decrypts what seal made for the same name. The error wraps ErrDamaged.
func (s *sealer) open(name string, data []byte) ([]byte, error) {
	head := bytes.Clone(data[:headSize])
	content, err := s.aead.Open(nil, nil, data[headSize:], append(head, name...))
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", ErrDamaged)
	}
	return content, nil
}
