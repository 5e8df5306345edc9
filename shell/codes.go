package shell

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"posthouse/internal/safefile"
	"posthouse/internal/totp"
)

// CodeBook judges codes and remembers the latest one of each user, so that none is accepted twice, also after a restart.
type CodeBook struct {
	folder string // empty: nothing survives a restart
	fault  func(error)

	mu   sync.Mutex
	last map[string]usedCode // by user
}

// usedCode is the latest code of a user's secret.
type usedCode struct {
	secret string // which one, without telling it
	step   int64
}

// NewCodeBook keeps its notes in folder; empty: in memory only. fault, which may be nil, is told when they cannot be kept.
func NewCodeBook(folder string, fault func(error)) *CodeBook {
	return &CodeBook{folder: folder, fault: fault, last: map[string]usedCode{}}
}

// Why a code is not accepted.
var (
	ErrCodeWrong = errors.New("a wrong code")
	ErrCodeUsed  = errors.New("a code that was used before")
)

// Accept takes code where it is one of secret's (in base32) at now, and later than every one that was accepted before.
func (b *CodeBook) Accept(user, secret, code string, now time.Time) error {
	key, err := totp.ParseSecret(secret)
	if err != nil {
		return ErrCodeWrong
	}
	at, ok := totp.Match(key, code, now)
	if !ok {
		return ErrCodeWrong
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := sha256.Sum256(key)
	name := hex.EncodeToString(sum[:8])
	before := b.latest(user)
	if before.secret == name && at <= before.step {
		return ErrCodeUsed
	}
	b.note(user, usedCode{name, at})
	return nil
}

// latest is what was used last, from the file where memory has none.
func (b *CodeBook) latest(user string) usedCode {
	if u, ok := b.last[user]; ok || !b.keeps(user) {
		return u
	}
	data, err := os.ReadFile(filepath.Join(b.folder, user))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.report(err)
		}
		return usedCode{}
	}
	var u usedCode
	fmt.Sscanf(string(data), "%s %d", &u.secret, &u.step) // what is damaged counts for nothing
	return u
}

func (b *CodeBook) note(user string, u usedCode) {
	b.last[user] = u
	if !b.keeps(user) {
		return
	}
	err := os.MkdirAll(b.folder, 0o700)
	if err == nil {
		err = safefile.Write(filepath.Join(b.folder, user), fmt.Appendf(nil, "%s %d\n", u.secret, u.step), 0o600)
	}
	if err != nil {
		b.report(err)
	}
}

func (b *CodeBook) keeps(user string) bool { return b.folder != "" && safefile.Name(user) == nil }

func (b *CodeBook) report(err error) {
	if b.fault != nil {
		b.fault(fmt.Errorf("the latest code of a user cannot be kept: %w", err))
	}
}
