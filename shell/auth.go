package shell

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
	"posthouse/internal/passhash"
)

// The ways in which an identity is proven.
const (
	methodPassword    = "password"
	methodInteractive = "keyboard-interactive"
	methodKey         = "publickey"
	methodConsole     = "console" // the machine's owner, through the unix socket
)

// maxPasswords is how many wrong passwords end a connection.
const maxPasswords = 3

// The names under which a permission carries the identity that its method proved.
const (
	extUser    = "posthouse-user"
	extMethod  = "posthouse-method"
	extKey     = "posthouse-key"
	extCommand = "posthouse-command"
	extSecret  = "posthouse-passphrase"
	extPast    = "posthouse-history"
)

var errDenied = errors.New("permission denied")

// authConfig is the SSH configuration of one connection. Each method returns a permission of its own, so that the
// identity is what the method that succeeded has proven, and not what was offered on the way.
func (srv *Server) authConfig(p *peer) *gossh.ServerConfig {
	c := &gossh.ServerConfig{
		// Offered keys count as failures too; the limit for passwords is maxPasswords.
		MaxAuthTries:  30,
		ServerVersion: "SSH-2.0-Posthouse",
		PasswordCallback: func(conn gossh.ConnMetadata, pass []byte) (*gossh.Permissions, error) {
			if err := srv.password(p, conn.User(), string(pass), methodPassword); err != nil {
				return nil, err
			}
			return srv.second(p, identity{user: conn.User(), method: methodPassword})
		},
		KeyboardInteractiveCallback: func(conn gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
			return srv.interactive(p, conn.User(), ask)
		},
		VerifiedPublicKeyCallback: func(conn gossh.ConnMetadata, key gossh.PublicKey, _ *gossh.Permissions, _ string) (*gossh.Permissions, error) {
			return srv.publicKey(p, conn.User(), key)
		},
		AuthLogCallback: func(_ gossh.ConnMetadata, _ string, err error) {
			if err == nil {
				p.authenticated()
			}
		},
	}
	return c
}

// password checks a password of either method.
func (srv *Server) password(p *peer, user, pass, method string) error {
	if err := srv.mayTry(p, user, "password"); err != nil {
		return err
	}
	right := passhash.Verify(srv.passphrase(user), pass)
	if u := srv.running().Users[user]; right && u != nil && u.Locked {
		srv.failure("The account of the user %s is locked; the right password from %s was refused.", user, p.remote)
		srv.wrongPassword(p)
		return errDenied
	}
	if !right {
		srv.wrongAttempt(p, user, method)
		return errDenied
	}
	return nil
}

// mayTry refuses a password or a code that would be one too many.
func (srv *Server) mayTry(p *peer, user, what string) error {
	if p.wrong >= maxPasswords {
		return errDenied
	}
	if srv.lock.locked(user, p.remote) {
		srv.failure("The user %s from %s is locked out; a "+what+" was refused.", user, p.remote)
		srv.wrongPassword(p)
		return errDenied
	}
	return nil
}

// wrongAttempt notes a wrong password or code, which may begin a lockout.
func (srv *Server) wrongAttempt(p *peer, user, method string) {
	limits := srv.limits()
	srv.failure("An authentication attempt by the user %s from %s failed (%s).", user, p.remote, method)
	lasts := time.Duration(limits.LockoutMinutes) * time.Minute
	if srv.lock.wrong(user, p.remote, limits.LockoutAttempts, lasts) {
		srv.failed.lockedOut(user, p.remote, srv.account(user),
			authLine("The user %s from %s is locked out for %s.", user, p.remote, plural(limits.LockoutMinutes, "minute")))
	}
	srv.wrongPassword(p)
}

// wrongPassword counts; after the last one the connection ends behind the refusal.
func (srv *Server) wrongPassword(p *peer) {
	if p.wrong++; p.wrong >= maxPasswords {
		p.endAfterWrite()
	}
}

// passphrase is the stored hash of a user's passphrase; empty for an unknown user.
func (srv *Server) passphrase(user string) string {
	c := srv.running()
	if c.Users[user] == nil || srv.opts.Secrets == nil {
		return ""
	}
	id, ok := c.Refs[config.PassphraseRef(user)]
	if !ok {
		return ""
	}
	hash, err := srv.opts.Secrets.Get(id)
	if err != nil {
		srv.system("The passphrase of the user %s cannot be read: %v", user, err)
		return ""
	}
	return string(hash)
}

// publicKey checks a key that the client has proven to hold.
func (srv *Server) publicKey(p *peer, user string, key gossh.PublicKey) (*gossh.Permissions, error) {
	u := srv.running().Users[user]
	k, found := config.UserKey{}, false
	if u != nil && !u.Locked {
		k, found = admitted(u, key, p.remote)
	}
	if !found {
		srv.failure("An authentication attempt by the user %s from %s failed ("+methodKey+").", user, p.remote)
		return nil, errDenied
	}
	id := identity{user: user, method: methodKey, key: gossh.FingerprintSHA256(key), command: k.Command}
	if len(k.From) > 0 {
		return srv.permit(p, id), nil // the source is the second factor
	}
	return srv.second(p, id)
}

// offered says whether a key may be tried: it must be somebody's. Whose it is is asked when it is proven, because the
// library's context names the user of the first attempt and not of this one.
func (srv *Server) offered(_ ssh.Context, key ssh.PublicKey) bool {
	want := key.Marshal()
	for _, u := range srv.running().Users {
		for _, line := range u.Keys {
			if k, err := config.ParseUserKey(line); err == nil && bytes.Equal(k.Blob, want) {
				return true
			}
		}
	}
	return false
}

// admitted finds the user's line of a key that is taken from there. The addresses of other lines do not matter.
func admitted(u *config.User, key gossh.PublicKey, remote string) (config.UserKey, bool) {
	want := key.Marshal()
	from, _ := netip.ParseAddr(remote)
	for _, line := range u.Keys {
		if k, err := config.ParseUserKey(line); err == nil && bytes.Equal(k.Blob, want) && k.Admits(from) {
			return k, true
		}
	}
	return config.UserKey{}, false
}

// permit makes the permission that carries a proven identity.
func (srv *Server) permit(p *peer, id identity) *gossh.Permissions {
	by := id.method
	if id.key != "" {
		by += " " + id.key
	}
	srv.auth("The user %s from %s logged in by "+by+".", id.user, p.remote)
	has := secretsIn(srv.running(), id.user)
	return &gossh.Permissions{Extensions: map[string]string{extUser: id.user, extMethod: id.method, extKey: id.key, extCommand: id.command,
		extSecret: has.passphrase, extPast: has.history}}
}

// proven is the identity that a connection's permission carries.
func proven(perm *gossh.Permissions, remote string) (identity, bool) {
	if perm == nil || perm.Extensions[extUser] == "" || perm.Extensions[extMethod] == "" {
		return identity{}, false
	}
	e := perm.Extensions
	return identity{user: e[extUser], remote: remote, method: e[extMethod], key: e[extKey], command: e[extCommand],
		secrets: secretsOf{e[extSecret], e[extPast]}}, true
}

// auth writes a line to the authentication log; for its words see authLine.
func (srv *Server) auth(format, user, remote string, rest ...any) {
	log(srv.opts.Auth, authLine(format, user, remote, rest...))
}

// failure is auth for a login that failed: who guesses does not get a line each time.
func (srv *Server) failure(format, user, remote string, rest ...any) {
	srv.failed.failed(user, remote, srv.account(user), authLine(format, user, remote, rest...))
}

// authLine makes a line for the authentication log. The first argument is a user's name, which a stranger may have chosen.
func authLine(format, user, remote string, rest ...any) string {
	return fmt.Sprintf(format, append([]any{plainName(user), remote}, rest...)...)
}

// account says whether there is such a user.
func (srv *Server) account(user string) bool { return srv.running().Users[user] != nil }

// plainName writes a name that is not plain in quotes, escaped.
func plainName(name string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._-@", r)
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return quote(name)
	}
	return name
}
