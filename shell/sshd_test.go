package shell

import (
	"slices"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// TestAlgorithmNames holds the configuration's lists to what the library speaks.
func TestAlgorithmNames(t *testing.T) {
	good, bad := gossh.SupportedAlgorithms(), gossh.InsecureAlgorithms()
	spoken := map[string][]string{
		"kex":      slices.Concat(good.KeyExchanges, bad.KeyExchanges),
		"ciphers":  slices.Concat(good.Ciphers, bad.Ciphers),
		"macs":     slices.Concat(good.MACs, bad.MACs),
		"hostkeys": slices.Concat(good.HostKeys, bad.HostKeys),
	}
	for _, list := range config.SSHLists {
		for _, name := range list.All() {
			if !slices.Contains(spoken[list.Key], name) {
				t.Errorf("%s: the library does not speak %s", list.Key, name)
			}
		}
		for _, name := range spoken[list.Key] {
			if list.Key != "hostkeys" && !slices.Contains(list.All(), name) {
				t.Errorf("%s: %s cannot be chosen", list.Key, name)
			}
		}
	}
}

func TestWeakAlgorithms(t *testing.T) {
	a := startServer(t, nil)
	try := func() error {
		c := a.config("admin")
		c.KeyExchanges, c.Ciphers, c.MACs = []string{gossh.InsecureKeyExchangeDH14SHA1}, []string{gossh.InsecureCipherTripleDESCBC}, []string{gossh.InsecureHMACSHA196}
		client, err := gossh.Dial("tcp", a.Addresses()[0], c)
		if err == nil {
			client.Close()
		}
		return err
	}
	if try() == nil {
		t.Error("weak algorithms are on")
	}
	a.logs.wait(t, "An SSH connection from 127.0.0.1 failed: no common key exchange; offered here: mlkem768x25519-sha256,")
	c := a.store.Running().Config.Clone()
	c.Shell.SSHD = config.SSHD{KeyExchanges: []string{gossh.InsecureKeyExchangeDH14SHA1}, Ciphers: []string{gossh.InsecureCipherTripleDESCBC}, MACs: []string{gossh.InsecureHMACSHA196}}
	a.store.set(c)
	if err := try(); err != nil {
		t.Error("what is chosen is not spoken:", err)
	}
}

func TestOffersAreBounded(t *testing.T) {
	if got := offers([]string{"a\nb", "c"}); got != `"a\nb,c"` {
		t.Errorf("got %s", got)
	}
	if n := len(offers(slices.Repeat([]string{"name"}, 10000))); n > 1010 {
		t.Errorf("%d bytes", n)
	}
}
