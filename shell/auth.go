package shell

import (
	"bytes"
	"errors"
	"fmt"
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
	extUser   = "posthouse-user"
	extMethod = "posthouse-method"
	extKey    = "posthouse-key"
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
			return srv.password(p, conn.User(), string(pass), methodPassword)
		},
		KeyboardInteractiveCallback: func(conn gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errDenied
			}
			return srv.password(p, conn.User(), answers[0], methodInteractive)
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
func (srv *Server) password(p *peer, user, pass, method string) (*gossh.Permissions, error) {
	if p.wrong >= maxPasswords {
		return nil, errDenied
	}
	limits := srv.limits()
	if srv.lock.locked(user, p.remote) {
		srv.auth("The user %s from %s is locked out; a password was refused.", user, p.remote)
		srv.wrongPassword(p)
		return nil, errDenied
	}
	if passhash.Verify(srv.passphrase(user), pass) {
		srv.lock.right(user, p.remote)
		return srv.permit(p, user, method, ""), nil
	}
	srv.auth("An authentication attempt by the user %s from %s failed (%s).", user, p.remote, method)
	lasts := time.Duration(limits.LockoutMinutes) * time.Minute
	if srv.lock.wrong(user, p.remote, limits.LockoutAttempts, lasts) {
		srv.auth("The user %s from %s is locked out for "+plural(limits.LockoutMinutes, "minute")+".", user, p.remote)
	}
	srv.wrongPassword(p)
	return nil, errDenied
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
	if u == nil || !holds(u, key) {
		srv.auth("An authentication attempt by the user %s from %s failed ("+methodKey+").", user, p.remote)
		return nil, errDenied
	}
	return srv.permit(p, user, methodKey, gossh.FingerprintSHA256(key)), nil
}

// offered says whether a key may be tried: it must be somebody's. Whose it is is asked when it is proven, because the
// library's context names the user of the first attempt and not of this one.
func (srv *Server) offered(_ ssh.Context, key ssh.PublicKey) bool {
	for _, u := range srv.running().Users {
		if holds(u, key) {
			return true
		}
	}
	return false
}

// holds says whether key is one of the user's.
func holds(u *config.User, key gossh.PublicKey) bool {
	want := key.Marshal()
	for _, line := range u.Keys {
		if k, _, _, _, err := gossh.ParseAuthorizedKey([]byte(line)); err == nil && bytes.Equal(k.Marshal(), want) {
			return true
		}
	}
	return false
}

// permit makes the permission that carries a proven identity.
func (srv *Server) permit(p *peer, user, method, key string) *gossh.Permissions {
	by := method
	if key != "" {
		by += " " + key
	}
	srv.auth("The user %s from %s logged in by "+by+".", user, p.remote)
	return &gossh.Permissions{Extensions: map[string]string{extUser: user, extMethod: method, extKey: key}}
}

// proven is the identity that a connection's permission carries.
func proven(perm *gossh.Permissions, remote string) (identity, bool) {
	if perm == nil || perm.Extensions[extUser] == "" || perm.Extensions[extMethod] == "" {
		return identity{}, false
	}
	e := perm.Extensions
	return identity{user: e[extUser], remote: remote, method: e[extMethod], key: e[extKey]}, true
}

// auth writes a line to the authentication log. The first argument is a user's name, which a stranger may have chosen.
func (srv *Server) auth(format, user, remote string, rest ...any) {
	log(srv.opts.Auth, fmt.Sprintf(format, append([]any{plainName(user), remote}, rest...)...))
}

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
