package testscripts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

const (
	ok13      = "TLS success protocol TLSv1.3 cipher TLS_*"
	injected  = "MAIL FROM:<evil@b.example>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n.\r\n"
	noCipher  = "TLS failed: no shared cipher "
	noScheme  = "TLS failed: no shared signature algorithms "
	noVersion = "TLS failed: unsupported protocol "
)

// inRow is one client that fails, and all that mail_logs says of it.
type inRow struct {
	name, network string
	ids           []string // by which findevent finds it
	play          func(c *caller)
	want          []string
}

// sends sends something behind the 220 to STARTTLS and wants the connection to end.
func sends(data func() []byte) func(c *caller) {
	return func(c *caller) {
		c.call("InboundMail").ready()
		c.conn.Write(data())
		if said := c.rest(); strings.Contains(said, "250 2.") || strings.Contains(said, "530 5.") {
			c.t.Errorf("said %q", said)
		}
	}
}

func text(s string) func() []byte { return func() []byte { return []byte(s) } }

// fails lets crypto/tls do a handshake that must not succeed.
func fails(conf *tls.Config) func(c *caller) {
	return func(c *caller) {
		c.call("InboundMail").ready()
		if conf.RootCAs == nil && conf.VerifyPeerCertificate == nil {
			conf.InsecureSkipVerify = true
		}
		secured := tls.Client(c.conn, conf)
		err := secured.Handshake()
		if err == nil { // in TLS 1.3 the server may refuse later
			_, err = secured.Read(make([]byte, 1))
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			c.t.Errorf("the handshake ends with %v", err)
		}
		c.conn.Close()
	}
}

// sClient lets openssl do a handshake that must not succeed.
func sClient(args ...string) func(c *caller) {
	return func(c *caller) {
		if said := c.openssl("InboundMail", args...); !strings.Contains(said, "error:") {
			c.t.Errorf("openssl sees no error:\n%s", said)
		}
	}
}

func hangUp(c *caller) {
	c.conn.(*net.TCPConn).SetLinger(0)
	c.conn.Close()
}

// answered waits for the server's first bytes of a handshake.
func (c *caller) answered() {
	if _, err := io.ReadFull(c.r.from, make([]byte, 5)); err != nil {
		c.t.Error(err)
	}
}

// alertingClient is a client that answers the server's hello with an alert.
func alertingClient(number byte) func(c *caller) {
	return func(c *caller) {
		c.call("InboundMail").ready()
		c.conn.Write(good12().records())
		c.answered()
		c.conn.Write(fatal(number))
		c.rest()
	}
}

// failed is a line of mail_logs, and nothing but it.
func failed(words, id string) []string { return []string{"TLS failed: " + words + " [" + id + "]"} }

// offers is that line and one that says what both sides offered.
func offers(line, id, they, we string) []string {
	lines := []string{line + "[" + id + "]", "cause " + id + " for ADDR: they: " + they, "cause " + id + " for ADDR: we: " + we}
	if id == "H2" {
		return lines
	}
	return append(lines, "cause "+id+" for ADDR: our certificates: ECDSA P-256")
}

func startRows() []inRow {
	const early = "TLS failed: text before the handshake [S4]"
	atOnce := func(listener, behind string) func(c *caller) {
		return func(c *caller) {
			c.call(listener)
			c.say("-", "220 ")
			c.say("EHLO client.example", "250 SIZE")
			fmt.Fprint(c.conn, "STARTTLS\r\n"+behind)
			if said := c.rest(); said != "" {
				c.t.Errorf("said %q", said)
			}
		}
	}
	return []inRow{
		{"commands behind STARTTLS", offered, []string{"S4"}, atOnce("InboundMail", injected), []string{early}},
		{"one byte behind STARTTLS", needed, []string{"S4"}, atOnce("InboundMail", "X"), []string{early}},
		{"a ClientHello behind STARTTLS", offered, []string{"S4"}, atOnce("InboundMail", string(good12().records())), []string{early}},
		{"mail in clear", needed, []string{"S6"}, inClear, []string{"TLS was required but remote host did not initiate it [S6]"}},
		{"a program that sends in clear", needed, []string{"S6"}, swaksInClear,
			[]string{"TLS was required but remote host did not initiate it [S6]"}},
		{"closed behind the 220", offered, []string{"S7"}, func(c *caller) { c.call("InboundMail").ready().conn.Close() }, failed("unexpected eof while reading", "S7")},
		{"reset behind the 220", offered, []string{"S7"}, func(c *caller) { hangUp(c.call("InboundMail").ready()) }, failed("Connection reset by peer", "S7")},
		{"closed at once, implicit", offered, []string{"S7"}, func(c *caller) { c.call("Submissions").conn.Close() }, failed("unexpected eof while reading", "S7")},
	}
}

// inClear sends mail without STARTTLS where TLS is required.
func inClear(c *caller) {
	c.call("InboundMail")
	c.say("-", "220 ")
	c.say("EHLO client.example", "250 SIZE")
	for _, command := range strings.Split(strings.TrimSuffix(injected, "\r\n.\r\n"), "\r\n") {
		c.say(command, "530 5.7.0 Must issue a STARTTLS command first")
	}
	c.say("NOOP", "250 ")
	c.say("QUIT", "221 ")
}

func swaksInClear(c *caller) {
	said := c.program("", "swaks", "--server", c.in.listener(c.t, "InboundMail"), "--local-interface", c.from,
		"--from", "a@client.example", "--to", "b@example.com")
	if !strings.Contains(said, "530 5.7.0 Must issue a STARTTLS command first") {
		c.t.Errorf("swaks: %s", said)
	}
}

func nothingCommonRows() []inRow {
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	strange := good12()
	strange.suites = []uint16{0x0005, 0x0065, 0xc0a0} // RC4, a suite for export, CCM
	oldest := hello{version: 0x0300, suites: []uint16{0x0005}}
	future := good12()
	future.versions = []uint16{0x0305}
	anonymous := good12()
	anonymous.suites = []uint16{0x0034, 0xc018, 0x00ff}
	odd := good12()
	odd.curves = []uint16{22, 26} // secp256k1, brainpoolP256r1
	dsa := good12()
	dsa.schemes = []uint16{0x0402, 0x0401} // DSA and RSA
	const suites = "*ECDHE-ECDSA-AES128-GCM-SHA256*"
	const curves = "*X25519 prime256v1 secp384r1*"
	return []inRow{
		{"suites for RSA only", offered, []string{"H1"}, fails(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: rsaOnly}),
			offers(noCipher, "H1", "ECDHE-RSA-AES128-GCM-SHA256", suites)},
		{"all that openssl has for RSA", offered, []string{"H1"}, sClient("-tls1_2", "-cipher", "aRSA:@SECLEVEL=0"),
			offers(noCipher, "H1", "*ECDHE-RSA-AES256-GCM-SHA384*AES128-SHA*", suites)},
		{"suites that nobody speaks", offered, []string{"H1"}, sends(strange.records), offers(noCipher, "H1", "RC4-SHA *", suites)},
		{"TLS 1.0 and 1.1", offered, []string{"H2"}, fails(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
			offers(noVersion, "H2", "TLSv1.1 TLSv1", "TLSv1.2 TLSv1.3")},
		{"TLS 1.1 of openssl", offered, []string{"H2"}, sClient("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
			offers(noVersion, "H2", "TLSv1.1*", "TLSv1.2 TLSv1.3")},
		{"SSL 3", offered, []string{"H2"}, sends(oldest.records), offers(noVersion, "H2", "nothing", "TLSv1.2 TLSv1.3")},
		{"SSL 2", offered, []string{"H2"}, sends(text("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + strings.Repeat("\x01", 37))),
			failed("unsupported protocol", "H2")},
		{"a TLS to come", offered, []string{"H2"}, sends(future.records), offers(noVersion, "H2", "*0305*", "TLSv1.2 TLSv1.3")},
		{"anonymous suites", offered, []string{"H6"}, sends(anonymous.records), offers(noCipher, "H6", "ADH-AES128-SHA AECDH-AES128-SHA", suites)},
		{"anonymous suites of openssl", offered, []string{"H6"}, sClient("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
			offers(noCipher, "H6", "ADH-*", suites)},
		{"odd curves", offered, []string{"H7"}, sends(odd.records), offers(noScheme, "H7", "secp256k1 brainpoolP256r1, signatures ECDSA+SHA256", curves)},
		{"an odd curve of openssl", offered, []string{"H7"}, sClient("-tls1_3", "-groups", "X448"), offers(noScheme, "H7", "X448, *", curves)},
		{"no signature in common", offered, []string{"H7"}, sends(dsa.records), offers(noScheme, "H7", "prime256v1, signatures DSA+SHA256 RSA+SHA256", curves)},
		{"no signature of openssl in common", offered, []string{"H7"}, sClient("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"),
			offers(noScheme, "H7", "*, signatures RSA-PSS+SHA256", curves)},
	}
}

func brokenRows() []inRow {
	half := good12().records()[:40]
	return []inRow{
		{"plain text", offered, []string{"H3"}, sends(text(injected)), failed("unknown protocol", "H3")},
		{"HTTP", offered, []string{"H3"}, sends(text("GET / HTTP/1.0\r\n\r\n")), failed("http request", "H3")},
		{"plain text byte by byte", needed, []string{"H3"}, func(c *caller) {
			c.call("InboundMail").ready()
			dripping{c.conn}.Write([]byte(injected))
			c.rest()
		}, failed("unknown protocol", "H3")},
		{"plain text, implicit", offered, []string{"H3"}, func(c *caller) {
			c.call("Submissions")
			fmt.Fprint(c.conn, "EHLO client.example\r\n"+injected)
			if said := c.rest(); strings.Contains(said, "220") {
				c.t.Errorf("said %q", said)
			}
		}, failed("unknown protocol", "H3")},
		{"closed within the ClientHello", offered, []string{"H4"}, func(c *caller) {
			c.call("InboundMail").ready()
			c.conn.Write(half)
			c.conn.Close()
		}, failed("unexpected eof while reading", "H4")},
		{"reset within the handshake", offered, []string{"H4"}, func(c *caller) {
			c.call("InboundMail").ready()
			c.conn.Write(good12().records())
			c.answered()
			hangUp(c)
		}, failed("Connection reset by peer", "H4")},
		{"closed within the handshake", offered, []string{"H4"}, func(c *caller) {
			c.call("InboundMail").ready()
			c.conn.Write(good12().records())
			c.answered()
			c.conn.(*net.TCPConn).CloseWrite()
			c.rest()
		}, failed("unexpected eof while reading", "H4")},
		{"closed within the handshake, implicit", offered, []string{"H4"}, func(c *caller) {
			c.call("Submissions")
			c.conn.Write(half)
			c.conn.Close()
		}, failed("unexpected eof while reading", "H4")},
	}
}

// slowRows are clients that say nothing, each at another place.
func slowRows() []inRow {
	return []inRow{
		{"silence behind the 220", offered, []string{"H5"}, sends(text("")), failed("Operation timed out", "H5")},
		{"half a ClientHello", offered, []string{"H5"}, sends(func() []byte { return good12().records()[:40] }), failed("Operation timed out", "H5")},
		{"silence behind the hellos", offered, []string{"H5"}, sends(func() []byte { return good12().records() }), failed("Operation timed out", "H5")},
		{"silence, implicit", offered, []string{"H5"}, func(c *caller) { c.call("Submissions").rest() }, failed("Operation timed out", "H5")},
	}
}

func alertRows(in *inward) []inRow {
	refusing := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "mail.example.com"}
	refusing12 := refusing.Clone()
	refusing12.MaxVersion = tls.VersionTLS12
	rows := []inRow{
		{"a client that knows no authority", offered, []string{"H8"}, fails(refusing), failed("sslv3 alert bad certificate", "H8")},
		{"the same of TLS 1.2", offered, []string{"H8"}, fails(refusing12), failed("sslv3 alert bad certificate", "H8")},
		{"openssl that verifies", offered, []string{"H8"}, sClient("-verify_return_error", "-no-CAfile", "-no-CApath"), failed("tlsv1 alert unknown ca", "H8")},
		{"openssl that verifies the name", offered, []string{"H8"},
			sClient("-verify_return_error", "-CAfile", in.data+"/configuration/root.pem", "-verify_hostname", "elsewhere.example"),
			failed("sslv3 alert bad certificate", "H8")},
	}
	for number, words := range map[byte]string{
		42: "sslv3 alert bad certificate", 43: "sslv3 alert unsupported certificate", 44: "sslv3 alert certificate revoked",
		45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown", 48: "tlsv1 alert unknown ca",
	} {
		rows = append(rows, inRow{fmt.Sprintf("alert %d", number), offered, []string{"H8"}, alertingClient(number), failed(words, "H8")})
	}
	return append(rows,
		inRow{"alert 40", offered, []string{"H13"}, alertingClient(40), failed("sslv3 alert handshake failure", "H13")},
		inRow{"alert 80", offered, []string{"H13"}, alertingClient(80), failed("tlsv1 alert internal error", "H13")},
		inRow{"alert 112", offered, []string{"H13"}, alertingClient(112), failed("tlsv1 unrecognized name", "H13")},
		inRow{"an alert in place of the hello", offered, []string{"H13"}, sends(func() []byte { return fatal(80) }), failed("tlsv1 alert internal error", "H13")},
	)
}
