package shell

import (
	"context"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// Store is the part of the configuration store that sessions need; *config.Store is one.
type Store interface {
	Running() *config.Snapshot
	Candidate() *config.Candidate
}

// Secrets gives back the content that a reference of the configuration names; *safefile.Vault is one.
type Secrets interface {
	Get(id string) ([]byte, error)
}

// Codes accepts each code at most once, or says why not (ErrCodeWrong, ErrCodeUsed); *CodeBook is one.
type Codes interface {
	Accept(user, secret, code string, now time.Time) error
}

// Options is what a Server, or a session in a test, is made of.
type Options struct {
	Table   []*Command // every command, Builtins included
	Config  Store
	Secrets Secrets // the passphrases' hashes; a session in a test needs none
	Files   Files   // what scp and sftp reach; nil: both are refused

	// Codes judges the codes of users with two factors (RFC 6238); nil: nobody has a code.
	Codes Codes
	// Gate refuses commands of a session that has something else to do first; nil: none.
	Gate func(s *Session, cmd *Command) error
	// Greet does what a session at a terminal has to do before its first prompt; an error ends the session. It may be nil.
	Greet func(ctx context.Context, s *Session) error

	HostKeys []gossh.Signer // at least one; ed25519, ECDSA and RSA, because older clients know no more than one of them
	Version  string         // "1.0.0", for the banner
	Build    string         // "001"
	State    string         // the folder for histories and last logins; empty: nothing is kept

	// Names lists what exists of a kind that a command's batch forms name in capitals, such as LISTENER, and what may stand
	// behind the typed words. It may be nil.
	Names func(s *Session, command string, typed []string, kind string) []string

	// Where lines of the logs go; nil: nowhere. They must not block for long.
	Audit  func(line string) // cli_logs: every command line, secrets removed
	Auth   func(line string) // authentication
	System func(line string) // system_logs: faults

	Grace       time.Duration    // how long commands in progress may go on at shutdown; 0: 5 s
	AnswerLimit time.Duration    // how long a question of an exec request waits for its line; 0: 30 s
	Handshake   time.Duration    // how long a client may take to log in; 0: 30 s
	Stall       time.Duration    // how long a client may take nothing of the output; 0: as long as it may be idle
	Now         func() time.Time // nil: time.Now

	idleLimit time.Duration // for tests; 0: as configured

	lock     *lockouts       // set by the server; nil in tests
	failed   *failures       // the same
	sessions *sessionList    // set by the server
	logins   *loginLog       // set by the server; nil in tests of commands
	stopping context.Context // ends when the server stops; set by the server
}

func (o *Options) hostname() string {
	if snap := o.Config.Running(); snap != nil && snap.Config != nil {
		return snap.Config.Hostname
	}
	return "posthouse"
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

func (o *Options) answerLimit() time.Duration { return orDefault(o.AnswerLimit, 30*time.Second) }
func (o *Options) grace() time.Duration       { return orDefault(o.Grace, 5*time.Second) }
func (o *Options) handshake() time.Duration   { return orDefault(o.Handshake, 30*time.Second) }

func (o *Options) stall() time.Duration { return orDefault(o.Stall, o.idle()) }

// idle is how long a session may wait for input.
func (o *Options) idle() time.Duration {
	if o.idleLimit > 0 {
		return o.idleLimit
	}
	const usual = 30
	minutes := usual
	if snap := o.Config.Running(); snap != nil && snap.Config != nil && snap.Config.Shell.IdleTimeout > 0 {
		minutes = snap.Config.Shell.IdleTimeout
	}
	return time.Duration(minutes) * time.Minute
}

func orDefault(d, usual time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return usual
}

// log writes to one of the logs, if there is one.
func log(to func(string), line string) {
	if to != nil {
		to(line)
	}
}
