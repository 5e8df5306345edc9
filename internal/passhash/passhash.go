// Package passhash owns how passphrases are stored: as argon2id (RFC 9106) with a salt of its own for each, in the
// usual text form. It is a leaf.
package passhash

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of new hashes: 19 MiB and two passes, about 25 ms of one processor.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	threads = 1

	saltSize = 16
	keySize  = 32
)

// The most that a stored hash may ask for, so that a damaged one cannot exhaust the machine.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
)

// slots bounds how many hashes are worked out at once: each takes memory, and anybody who can connect can ask for one.
var slots = make(chan struct{}, 2)

// Hash returns the text that Verify accepts for pass.
func Hash(pass string) string {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key := derive(pass, salt, passes, memory, threads, keySize)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// Verify says whether hash was made from pass. For an empty or damaged hash it takes as long as for a good one, so that
// the time tells nobody which accounts exist.
func Verify(hash, pass string) bool {
	h, ok := parse(hash)
	if !ok {
		derive(pass, make([]byte, saltSize), passes, memory, threads, keySize)
		return false
	}
	key := derive(pass, h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

func derive(pass string, salt []byte, t, m uint32, p uint8, size uint32) []byte {
	slots <- struct{}{}
	defer func() { <-slots }()
	return argon2.IDKey([]byte(pass), salt, t, m, p, size)
}

// parsed is a hash taken apart.
type parsed struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

func parse(hash string) (h parsed, ok bool) {
	part := strings.Split(strings.TrimSpace(hash), "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return h, false
	}
	if h.memory < 8 || h.memory > maxMemory || h.passes < 1 || h.passes > maxPasses || h.threads < 1 {
		return h, false
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(h.salt) < 8 {
		return h, false
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(h.key) < 16 || len(h.key) > 64 {
		return h, false
	}
	return h, true
}
