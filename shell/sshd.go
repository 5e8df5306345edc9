package shell

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// sshConfig is what one connection is negotiated with: the way to log in, the banner before it, and the algorithms, all as
// they are in force when the connection comes.
func (srv *Server) sshConfig(p *peer) *gossh.ServerConfig {
	c := srv.authConfig(p)
	settings := srv.running().Shell
	c.KeyExchanges = chosen("kex", &settings.SSHD)
	c.Ciphers = chosen("ciphers", &settings.SSHD)
	c.MACs = chosen("macs", &settings.SSHD)
	if len(settings.Banner) > 0 {
		text := strings.Join(settings.Banner, "\r\n") + "\r\n" // RFC 4252 §5.4
		c.BannerCallback = func(gossh.ConnMetadata) string { return text }
	}
	return c
}

// chosen is what of the named list is on.
func chosen(key string, s *config.SSHD) []string {
	for _, list := range config.SSHLists {
		if list.Key == key {
			return list.Chosen(s)
		}
	}
	return nil
}

// hostSigners are the host keys with the algorithms that are on, in the order of the keys; a key without one is left out.
func (srv *Server) hostSigners() []ssh.Signer {
	settings := srv.running().Shell.SSHD
	on := chosen("hostkeys", &settings)
	var list []ssh.Signer
	for _, key := range srv.opts.HostKeys {
		if s := restricted(key, on); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// restricted lets a key sign with the algorithms of on only; nil: it can with none of them.
func restricted(key gossh.Signer, on []string) gossh.Signer {
	kind := key.PublicKey().Type()
	names := []string{kind}
	if kind == gossh.KeyAlgoRSA {
		names = []string{gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256, gossh.KeyAlgoRSA}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(on, name) })
	signer, ok := key.(gossh.AlgorithmSigner)
	if len(names) == 0 || !ok {
		return nil
	}
	s, err := gossh.NewSignerWithAlgorithms(signer, names)
	if err != nil {
		return nil
	}
	return s
}

// offers writes what one side of a negotiation offered into a log's line: a stranger may have sent any names, and as many
// as fit into a packet.
func offers(names []string) string {
	const most = 1000
	text := strings.Join(names, ",")
	if len(text) > most {
		text = text[:most] + "..."
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strconv.QuoteToASCII(text)
	}
	return text
}
