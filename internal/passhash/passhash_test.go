package passhash

import (
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	const pass = "correct horse"
	hash := Hash(pass)
	if !Verify(hash, pass) || !Verify(hash+"\n", pass) {
		t.Error("the right passphrase is refused")
	}
	if Verify(hash, pass+" ") || Verify(hash, "") {
		t.Error("a wrong passphrase is accepted")
	}
	if Hash(pass) == hash {
		t.Error("two hashes have the same salt")
	}
}

func TestVerifyDamaged(t *testing.T) {
	good := Hash("x")
	for _, hash := range []string{
		"", "x", "$argon2id$", good[:len(good)/2], strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "m=", "m=9999", 1), strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1),
	} {
		if Verify(hash, "x") {
			t.Errorf("the damaged hash %q is accepted", hash)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, hash string) {
		if h, ok := parse(hash); ok && (h.memory > maxMemory || h.passes > maxPasses || len(h.salt) < 8 || len(h.key) < 16) {
			t.Errorf("%q is accepted as %+v", hash, h)
		}
	})
}
