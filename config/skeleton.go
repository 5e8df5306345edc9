package config

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"posthouse/internal/safefile"
)

const MemberAll = "ALL"

var errTODO = errors.New("not there yet")

func (c *Config) Validate() error         { return nil }
func Encode(c *Config) []byte             { return nil }
func Decode(data []byte) (*Config, error) { return nil, errTODO }

// Change is one setting that differs between two configurations.
type Change struct{ Path, Old, New string }

func Diff(old, new *Config) []Change                                      { return nil }
func FormatChanges(changes []Change) string                               { return "" }
func (c *Config) Destination(domain string) (d Destination, entry string) { return }
func (c *Config) Route(domain string) (r *Route, key string, ok bool)     { return }

type Hop struct {
	Priority        int
	Host            string
	Addr            netip.Addr
	Port            int
	UseDNS, Discard bool
}

func ParseHop(s string) (Hop, error)            { return Hop{}, errTODO }
func ParseHAT(text string) (*HostAccess, error) { return nil, errTODO }
func (h *HostAccess) Text() string              { return "" }

type Member struct{ kind int }

func ParseMember(s string) (Member, error)               { return Member{}, errTODO }
func (m Member) Match(addr netip.Addr, name string) bool { return false }
func (m Member) NeedsName() bool                         { return false }
func (m Member) String() string                          { return "" }
func (h *HostAccess) Lookup(addr netip.Addr, name string) (group, pattern string, b Behavior, p PolicyParams) {
	return
}
func (h *HostAccess) NeedsName() bool                                                { return false }
func (r RecipientAccess) Lookup(local, domain string) (rule *RecipientRule, ok bool) { return }
func ParsePolicyKey(p *PolicyParams, key, value string) error                        { return errTODO }

// PolicyKey is one parameter in the text form of a host access table.
type PolicyKey struct{ Key, Value string }

// Keys returns the parameters that are set, in the order of the text form.
func (p *PolicyParams) Keys() []PolicyKey { return nil }

// CertificateRef is the key in Refs of a profile's content.
func CertificateRef(profile string) string { return "certificates." + profile }

// PassphraseRef is the key in Refs of a user's passphrase hash.
func PassphraseRef(user string) string { return "users." + user + ".passphrase" }

// AuthoritiesRef is the key in Refs of the custom list.
const AuthoritiesRef = "certificate_authorities.custom"

type Author struct{ User, From string }
type Revision struct {
	Number   int
	Time     time.Time
	Author   Author
	Comment  string
	Rollback bool
}
type Snapshot struct {
	Config   *Config
	Revision Revision
}
type Store struct{}

func Create(dir string, c *Config, a Author) (*Store, error) { return nil, errTODO }
func Open(dir string) (*Store, error)                        { return nil, errTODO }
func IsSetUp(dir string) bool                                { return false }
func Check(dir string) error                                 { return errTODO }
func (s *Store) Vault() *safefile.Vault                      { return nil }
func (s *Store) Running() *Snapshot                          { return nil }
func (s *Store) Candidate() *Candidate                       { return nil }

type Candidate struct {
	Base   *Snapshot
	Config *Config
}

func (c *Candidate) Changes() []Change { return nil }
func (c *Candidate) Clone() *Candidate { return nil }

type Applier interface {
	Prepare(ctx context.Context, old, new *Config) (Prepared, error)
}
type Prepared interface {
	Commit()
	Abort()
}

func (s *Store) SetAppliers(a ...Applier) {}

type CommitResult struct {
	Revision Revision
	Kept     []Revision
	Changes  []Change
}

func (s *Store) Check(ctx context.Context, c *Candidate) (*CommitResult, error) { return nil, errTODO }
func (s *Store) Commit(ctx context.Context, c *Candidate, a Author, comment string, rollback bool) (*CommitResult, error) {
	return nil, errTODO
}
func (s *Store) Revisions() []Revision             { return nil }
func (s *Store) Load(n int) (*Config, error)       { return nil, errTODO }
func (s *Store) ChangesOf(n int) ([]Change, error) { return nil, errTODO }
