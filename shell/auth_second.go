package shell

import (
	"fmt"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// The questions of keyboard-interactive.
const (
	passwordQuestion = "Password: "
	codeQuestion     = "Verification code: "
)

// codeRefused is said behind a code that was not taken. Whoever was asked for one has proven the first factor.
const codeRefused = "That code is wrong or was used before; the application shows a new one every 30 seconds."

// interactive asks for the password and, of a user with two factors, for the code behind a right one: whether there is a
// second factor is nobody's business who does not know the password.
func (srv *Server) interactive(p *peer, user string, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
	answer, err := askOne(ask, passwordQuestion, false)
	if err != nil {
		return nil, err
	}
	if err := srv.password(p, user, answer, methodInteractive); err != nil {
		return nil, err
	}
	id := identity{user: user, method: methodInteractive}
	if srv.codeOf(user) == nil {
		return srv.done(p, id), nil
	}
	p.handshake.Reset(srv.opts.handshake()) // a code has to be looked up and typed
	return srv.code(p, id, ask)
}

func askOne(ask gossh.KeyboardInteractiveChallenge, question string, echo bool) (string, error) {
	answers, err := ask("", "", []string{question}, []bool{echo})
	if err != nil || len(answers) != 1 {
		return "", errDenied
	}
	return answers[0], nil
}

// second lets a user in whose first factor is proven, or demands the code by keyboard-interactive (RFC 4252 §5.1).
func (srv *Server) second(p *peer, id identity) (*gossh.Permissions, error) {
	if srv.codeOf(id.user) == nil {
		return srv.done(p, id), nil
	}
	p.handshake.Reset(srv.opts.handshake()) // a code has to be looked up and typed
	return nil, &gossh.PartialSuccessError{Next: gossh.ServerAuthCallbacks{
		KeyboardInteractiveCallback: func(_ gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
			return srv.code(p, id, ask)
		},
	}}
}

// done forgets the wrong attempts before a whole login by passphrase. A key says nothing of who tried passwords.
func (srv *Server) done(p *peer, id identity) *gossh.Permissions {
	if id.method != methodKey {
		srv.lock.right(id.user, p.remote)
	}
	return srv.permit(p, id)
}

// code asks for the code and checks it. A wrong one counts as a wrong password does.
func (srv *Server) code(p *peer, id identity, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
	answer, err := askOne(ask, codeQuestion, true)
	if err != nil {
		return nil, err
	}
	if err := srv.mayTry(p, id.user, "code"); err != nil {
		return nil, err
	}
	secret := srv.codeOf(id.user)
	refused := ErrCodeWrong
	if secret != nil && srv.opts.Codes != nil {
		refused = srv.opts.Codes.Accept(id.user, string(secret), answer, srv.opts.now())
	}
	if refused != nil {
		srv.wrongAttempt(p, id.user, fmt.Sprintf("%s with %v", id.method, refused))
		_, _ = ask("", codeRefused, nil, nil) // no question: the client shows it (RFC 4256 §3.2)
		return nil, errDenied
	}
	return srv.done(p, id), nil
}

// codeOf is the secret of a user's codes; nil for a user without. It is empty where it cannot be read: no code is right then.
func (srv *Server) codeOf(user string) []byte {
	c := srv.running()
	if u := c.Users[user]; u == nil || !u.TwoFactor {
		return nil
	}
	if srv.opts.Secrets == nil {
		return []byte{}
	}
	secret, err := srv.opts.Secrets.Get(c.Refs[config.TwoFactorRef(user)])
	if err != nil {
		srv.system("The second factor of the user %s cannot be read: %v", user, err)
		return []byte{}
	}
	return secret
}
