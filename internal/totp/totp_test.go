package totp

import (
	"encoding/base32"
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

func TestMatch(t *testing.T) {
	secret := NewSecret()
	key, err := ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_010, 0)
	at := step(now)
	for _, c := range []struct {
		name, code string
		step       int64 // 0: none
	}{
		{"two steps before", code(key, at-2), 0},
		{"the step before", code(key, at-1), at - 1},
		{"now, with a blank in it", " " + code(key, at)[:3] + " " + code(key, at)[3:], at},
		{"the step behind", code(key, at+1), at + 1},
		{"two steps behind", code(key, at+2), 0},
		{"nothing", "", 0},
		{"letters", "abcdef", 0},
	} {
		if got, ok := Match(key, c.code, now); got != c.step || ok != (c.step != 0) {
			t.Errorf("%s: got %d, %v", c.name, got, ok)
		}
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
