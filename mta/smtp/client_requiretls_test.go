package smtp

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// TestClientRequiresTLS offers REQUIRETLS in clear and then under TLS, or not: only what is said under TLS counts, and a
// message that requires it is not so much as begun elsewhere (RFC 8689 §2).
func TestClientRequiresTLS(t *testing.T) {
	for _, test := range []struct {
		clear, under string
		want         error
	}{
		{"", "REQUIRETLS", nil},
		{"REQUIRETLS", "REQUIRETLS", nil},
		{"REQUIRETLS", "SIZE 10", ErrNoRequireTLS},
		{"", "SIZE 10", ErrNoRequireTLS},
	} {
		here, there := net.Pipe()
		heard := make(chan string, 1)
		go func() {
			defer close(heard)
			peer := bufio.NewReader(there)
			answer := func(reply string) string {
				line, _ := peer.ReadString('\n')
				io.WriteString(there, reply)
				return strings.TrimSpace(line)
			}
			answer("250-peer\r\n250-" + test.clear + "\r\n250 STARTTLS\r\n")
			answer("220 go\r\n")
			server := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{clientTestCertificate(t)}})
			raw := there
			defer raw.Close()
			there, peer = server, bufio.NewReader(server)
			answer("250-peer\r\n250 " + test.under + "\r\n")
			heard <- answer("550 no\r\n")
		}()
		c := NewClient(t.Context(), here, "mail.example.com", DefaultTimeouts())
		mustReply := func(r Reply, err error) {
			if err != nil {
				t.Fatal(r, err)
			}
		}
		mustReply(c.Hello())
		tx := Transaction{From: "a@x.example", To: []string{"b@y.example"}, RequireTLS: true}
		if _, err := c.Send(tx, content("x\r\n")); !errors.Is(err, ErrNoRequireTLS) {
			t.Errorf("%+v: in clear: %v", test, err)
		}
		mustReply(c.StartTLS())
		if _, err := c.Handshake(t.Context(), &tls.Config{InsecureSkipVerify: true}, nil); err != nil {
			t.Fatal(err)
		}
		mustReply(c.Hello())
		if _, err := c.Send(tx, content("x\r\n")); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
		here.Close() // a pipe takes no farewell that nobody reads
		c.Close()
		if line := <-heard; test.want == nil && line != "MAIL FROM:<a@x.example> REQUIRETLS" || test.want != nil && line != "" {
			t.Errorf("%+v: the peer heard %q", test, line)
		}
	}
}
