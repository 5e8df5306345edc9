package shell

import (
	"slices"
	"strings"
	"sync"

	"posthouse/config"
)

// secretsOf names the contents that tell an account from another one that had its name: the present passphrase's hash and
// the hashes until now. No two passphrases have one hash, so an account that was deleted and made anew shares none.
type secretsOf struct{ passphrase, history string }

// secretsIn are a user's in a configuration.
func secretsIn(c *config.Config, user string) secretsOf {
	return secretsOf{c.Refs[config.PassphraseRef(user)], c.Refs[config.PassphraseHistoryRef(user)]}
}

// account is the one that logged in, as it was seen last. The requests of one sftp session ask at the same time.
type account struct {
	mu   sync.Mutex
	seen secretsOf
}

// adopt takes what the session itself has put in force for its account.
func (a *account) adopt(now secretsOf) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = now
}

// sameAccount says whether the account of that name is still the one that logged in, whose passphrase may have changed, or
// been rolled back, since.
func (s *Session) sameAccount(c *config.Config) bool {
	now := secretsIn(c, s.id.user)
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	seen := s.account.seen
	same := now.passphrase == seen.passphrase || now.passphrase == "" || seen.passphrase == "" || s.opts.Secrets == nil ||
		s.among(seen.passphrase, now.history) || s.among(now.passphrase, seen.history)
	if same {
		s.account.seen = now
	}
	return same
}

// among says whether the hash with that name is one of a history.
func (s *Session) among(hash, history string) bool {
	want, err := s.opts.Secrets.Get(hash)
	if err != nil || history == "" {
		return false
	}
	list, err := s.opts.Secrets.Get(history)
	return err == nil && slices.ContainsFunc(strings.Split(string(list), "\n"), func(line string) bool {
		_, past, _ := strings.Cut(line, " ")
		return past != "" && past == string(want)
	})
}
