// Package totp owns the codes of a second factor (RFC 6238): making a secret, working out and judging its codes. It
// remembers nothing: who asks keeps the step of the latest code. It is a leaf.
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	secretSize = 20 // bytes, as RFC 4226 §4 recommends
	digits     = 6
	period     = 30 // seconds of a step (RFC 6238 §5.2)
	window     = 1  // steps before and after the present one that are accepted too
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret returns a secret in base32, as applications take it.
func NewSecret() string {
	raw := make([]byte, secretSize)
	rand.Read(raw)
	return encoding.EncodeToString(raw)
}

// ParseSecret reads a secret in base32, in any case and with blanks or hyphens in it: 16 to 64 bytes.
func ParseSecret(text string) ([]byte, error) {
	text = strings.TrimRight(strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(strings.TrimSpace(text))), "=")
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) < 16 || len(raw) > 64 {
		return nil, errors.New("not a secret in base32 of 16 to 64 bytes")
	}
	return raw, nil
}

// URI is what an application reads from a picture or a paste, with the account and who it belongs to.
func URI(secret, issuer, account string) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	query := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {fmt.Sprint(digits)}, "period": {fmt.Sprint(period)}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// step is the number of the time step at t.
func step(t time.Time) int64 { return t.Unix() / period }

// code is the code of one step (RFC 4226 §5.3).
func code(key []byte, at int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at))
	mac := hmac.New(sha1.New, key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", digits, n%1000000)
}

// Match returns the number of the time step, within the window around now, whose code is given.
func Match(key []byte, given string, now time.Time) (at int64, ok bool) {
	given = strings.ReplaceAll(strings.TrimSpace(given), " ", "")
	for s := step(now) - window; s <= step(now)+window; s++ {
		if subtle.ConstantTimeCompare([]byte(code(key, s)), []byte(given)) == 1 {
			at, ok = s, true
		}
	}
	return at, ok
}
