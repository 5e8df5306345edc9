package shell

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"posthouse/internal/totp"
)

// codeOfStep works out the code of a time step (RFC 4226 §5.3).
func codeOfStep(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}

func TestCodeBook(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "codes")
	b := NewCodeBook(folder, func(err error) { t.Error(err) })
	secret := totp.NewSecret()
	key, err := totp.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_010, 0)
	at := now.Unix() / 30
	for _, c := range []struct {
		name, code string
		want       error
	}{
		{"two steps before", codeOfStep(key, at-2), ErrCodeWrong},
		{"the step before", codeOfStep(key, at-1), nil},
		{"the same again", codeOfStep(key, at-1), ErrCodeUsed},
		{"now", codeOfStep(key, at), nil},
		{"an earlier one", codeOfStep(key, at-1), ErrCodeUsed},
		{"the step behind", codeOfStep(key, at+1), nil},
		{"now again", codeOfStep(key, at), ErrCodeUsed},
	} {
		if got := b.Accept("bob", secret, c.code, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if b.Accept("carol", secret, codeOfStep(key, at), now) != nil {
		t.Error("another user's code is refused")
	}
	again := NewCodeBook(folder, nil)
	if again.Accept("bob", secret, codeOfStep(key, at+1), now) != ErrCodeUsed {
		t.Error("a code is accepted again after a restart")
	}
	other := totp.NewSecret()
	if key, _ := totp.ParseSecret(other); again.Accept("bob", other, codeOfStep(key, at-1), now) != nil {
		t.Error("a new secret does not begin anew")
	}
	if again.Accept("bob", "", "", now) == nil || again.Accept("bob", "!", "000000", now) == nil {
		t.Error("a code without a secret is accepted")
	}
	if err := os.WriteFile(filepath.Join(folder, "dave"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again.Accept("dave", secret, codeOfStep(key, at), now) != nil {
		t.Error("damaged notes refuse everything")
	}
}
