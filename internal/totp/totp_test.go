package totp

import (
	"encoding/base32"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, shortened to six digits.
func TestVectors(t *testing.T) {
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := code(key, step(time.Unix(at, 0))); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

func TestAccept(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "codes")
	b := NewBook(folder, func(err error) { t.Error(err) })
	secret := NewSecret()
	key, err := ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_010, 0)
	at := step(now)
	for _, c := range []struct {
		name, code string
		want       bool
	}{
		{"two steps before", code(key, at-2), false},
		{"the step before", code(key, at-1), true},
		{"the same again", code(key, at-1), false},
		{"now, with a blank in it", " " + code(key, at)[:3] + " " + code(key, at)[3:], true},
		{"an earlier one", code(key, at-1), false},
		{"the step behind", code(key, at+1), true},
		{"now again", code(key, at), false},
		{"two steps behind", code(key, at+2), false},
		{"nothing", "", false},
		{"letters", "abcdef", false},
	} {
		if got := b.Accept("bob", secret, c.code, now); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	if !b.Accept("carol", secret, code(key, at), now) {
		t.Error("another user's code is refused")
	}
	again := NewBook(folder, nil)
	if again.Accept("bob", secret, code(key, at+1), now) {
		t.Error("a code is accepted again after a restart")
	}
	other := NewSecret()
	if key, _ := ParseSecret(other); !again.Accept("bob", other, code(key, at-1), now) {
		t.Error("a new secret does not begin anew")
	}
	if again.Accept("bob", "", "", now) || again.Accept("bob", "!", "000000", now) {
		t.Error("a code without a secret is accepted")
	}
	if err := os.WriteFile(filepath.Join(folder, "dave"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !again.Accept("dave", secret, code(key, at), now) {
		t.Error("damaged notes refuse everything")
	}
}

func TestURI(t *testing.T) {
	got := URI("ABC", "mail.example.com", "a b&c")
	want := "otpauth://totp/mail.example.com:a%20b&c?algorithm=SHA1&digits=6&issuer=mail.example.com&period=30&secret=ABC"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	f.Add("gezd gnbv gy3t qojq gezd gnbv gy3t qojq====")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseSecret(text)
		if err != nil {
			return
		}
		again, err := ParseSecret(base32.StdEncoding.EncodeToString(key))
		if err != nil || string(again) != string(key) {
			t.Errorf("%q becomes %x and then %x (%v)", text, key, again, err)
		}
	})
}
