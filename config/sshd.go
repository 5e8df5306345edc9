package config

import (
	"fmt"
	"slices"
	"strings"
)

// SSHD is which algorithms the SSH server speaks. An empty list stands for the standard one, so that what a later version
// adds to the standard comes by itself.
type SSHD struct {
	KeyExchanges []string `toml:"kex,omitempty"`
	Ciphers      []string `toml:"ciphers,omitempty"`
	MACs         []string `toml:"macs,omitempty"`
	HostKeys     []string `toml:"hostkeys,omitempty"`
}

// SSHAlgorithms is one of the server's four lists: what can be chosen, in the server's order.
type SSHAlgorithms struct {
	Key      string   // "kex", "ciphers", "macs", "hostkeys": in the file and in sshconfig
	Title    string   // as the screens name it
	Standard []string // on where nothing was chosen
	Weak     []string // off unless they are named: SHA-1 in a key exchange, CBC, RC4
	Of       func(*SSHD) *[]string
}

// SSHLists are the four lists. Their names are those that the SSH library speaks, which a test of shell holds them to.
var SSHLists = [...]SSHAlgorithms{
	{
		Key: "kex", Title: "KEX Algorithms",
		Standard: []string{"mlkem768x25519-sha256", "curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
			"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256"},
		Weak: []string{"diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1"},
		Of:   func(s *SSHD) *[]string { return &s.KeyExchanges },
	},
	{
		Key: "ciphers", Title: "Cipher Algorithms",
		Standard: []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"},
		Weak:     []string{"aes128-cbc", "3des-cbc", "arcfour256", "arcfour128", "arcfour"},
		Of:       func(s *SSHD) *[]string { return &s.Ciphers },
	},
	{
		Key: "macs", Title: "MAC Methods",
		Standard: []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"},
		Weak:     []string{"hmac-sha1-96"},
		Of:       func(s *SSHD) *[]string { return &s.MACs },
	},
	{
		Key: "hostkeys", Title: "Host Key Algorithms",
		Standard: []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"},
		Of:       func(s *SSHD) *[]string { return &s.HostKeys },
	},
}

// StandardWord stands for the standard list where a list is read.
const StandardWord = "default"

// Chosen is what of the list is on under s.
func (a SSHAlgorithms) Chosen(s *SSHD) []string {
	if list := *a.Of(s); len(list) > 0 {
		return slices.Clone(list)
	}
	return slices.Clone(a.Standard)
}

// All is everything that can be chosen, in the server's order.
func (a SSHAlgorithms) All() []string { return slices.Concat(a.Standard, a.Weak) }

// Parse reads names separated by commas or blanks, in any case and order; StandardWord among them stands for the standard
// ones. The list is what is stored: empty where it is the standard.
func (a SSHAlgorithms) Parse(text string) ([]string, error) {
	var list []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if word == StandardWord {
			list = append(list, a.Standard...)
			continue
		}
		list = append(list, word)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("at least one is needed; accepted are %s", strings.Join(a.All(), ", "))
	}
	if err := a.check(list); err != nil {
		return nil, err
	}
	return a.stored(list), nil
}

// check refuses names that cannot be chosen.
func (a SSHAlgorithms) check(list []string) error {
	all := a.All()
	for _, name := range list {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%q is not one of %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// stored is the one form of a list: in the server's order, each once, and nothing where it is the standard.
func (a SSHAlgorithms) stored(list []string) []string {
	var out []string
	for _, name := range a.All() {
		if slices.Contains(list, name) {
			out = append(out, name)
		}
	}
	if slices.Equal(out, a.Standard) {
		return nil
	}
	return out
}

func (s *SSHD) normalize() {
	for _, a := range SSHLists {
		if list := a.Of(s); a.check(*list) == nil {
			*list = a.stored(*list)
		}
	}
}

func (f *faults) sshd(s *SSHD) {
	for _, a := range SSHLists {
		if err := a.check(*a.Of(s)); err != nil {
			f.add(join("shell", "sshd", a.Key), "%v", err)
		}
	}
}
