package tlspolicy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
)

// openSSLDir holds the leaf's files for OpenSSL: key.pem, chain.pem (leaf and intermediate), root.pem.
func openSSLDir(t *testing.T, p pki) (tool, dir string) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir = t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(p.leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"leaf.pem": certPEM(p.leaf), "chain.pem": append(certPEM(p.leaf), certPEM(p.mid)...),
		"mid.pem": certPEM(p.mid), "root.pem": certPEM(p.root),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tool, dir
}

func certPEM(e *entity) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})
}

// sServer starts `openssl s_server` on a port of its choice and returns its address.
func sServer(t *testing.T, tool, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool, append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // s_server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		defer close(done)
		var seen []byte
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			seen = append(seen, buf[:n]...)
			if _, rest, ok := bytes.Cut(seen, []byte("ACCEPT ")); ok {
				if line, _, ok := bytes.Cut(rest, []byte("\n")); ok && len(address) == 0 && cap(address) == 1 {
					select {
					case address <- string(line):
					default:
					}
					seen = nil
				}
			}
			if err != nil {
				close(address)
				return
			}
		}
	}()
	select {
	case addr, ok := <-address:
		if !ok {
			t.Skipf("this openssl cannot: %s", stderr.Bytes())
		}
		return addr
	case <-time.After(20 * time.Second):
		t.Fatal("s_server does not start")
		return ""
	}
}

// TestAgainstOpenSSLServer has OpenSSL as the peer that receives.
func TestAgainstOpenSSLServer(t *testing.T) {
	p := newPKI(t)
	tool, dir := openSSLDir(t, p)
	full := []string{"-key", "key.pem", "-cert", "leaf.pem", "-cert_chain", "mid.pem"}
	for _, test := range []struct {
		name string
		args []string
		want cause.ID
	}{
		{"good", full, ""},
		{"good with TLS 1.2", append([]string{"-tls1_2"}, full...), ""},
		{"intermediate missing", []string{"-key", "key.pem", "-cert", "leaf.pem"}, cause.V2},
		{"old cipher suites only", append([]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CAMELLIA128-SHA256:@SECLEVEL=0"}, full...), cause.H1},
		{"DHE only", append([]string{"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"}, full...), cause.H1},
		{"anonymous only", []string{"-tls1_2", "-nocert", "-cipher", "ADH-AES128-SHA:AECDH-AES128-SHA:@SECLEVEL=0"}, cause.H1},
		{"odd curve", append([]string{"-tls1_2", "-groups", "secp256k1"}, full...), cause.H1},
		{"TLS 1.1 only", append([]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, full...), cause.H2},
		{"demands a certificate in TLS 1.3", append([]string{"-tls1_3", "-Verify", "2", "-verify_return_error"}, full...), cause.H9},
		{"demands a certificate in TLS 1.2", append([]string{"-tls1_2", "-Verify", "2", "-verify_return_error"}, full...), cause.H9},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := sServer(t, tool, dir, append([]string{"-rev"}, test.args...)...)
			o := shake(t, trusting(p.root), partner, addr)
			if o.Cause != test.want || o.Verified != (test.want == "") {
				t.Errorf("%+v", o)
			}
		})
	}
	stranger := shown(issue(t, nil, ecKey(t), "us.example", dnsNames("us.example")))
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		addr := sServer(t, tool, dir, append([]string{"-rev", version, "-Verify", "2", "-verify_return_error", "-CAfile", "root.pem"}, full...)...)
		if o := shake(t, trusting(p.root), partner, addr, stranger); o.Cause != cause.H8 {
			t.Errorf("%s: a stranger's certificate: %+v", version, o)
		}
		if o := shake(t, trusting(p.root), partner, addr, shown(p.leaf, p.mid)); !o.Verified {
			t.Errorf("%s: a known certificate: %+v", version, o)
		}
	}
}

// TestOddCertificates has peers whose certificates only OpenSSL makes.
func TestOddCertificates(t *testing.T) {
	tool, dir := openSSLDir(t, newPKI(t))
	for _, test := range []struct {
		name    string
		options []string
		want    cause.ID
	}{
		{"short RSA key", []string{"-newkey", "rsa:512"}, cause.V10},
		{"negative serial number", []string{"-newkey", "rsa:2048", "-set_serial", "-5"}, cause.V11},
	} {
		make := exec.Command(tool, append([]string{"req", "-x509", "-nodes", "-keyout", "odd.key", "-out", "odd.pem", "-subj", "/CN=mx1.partner.example"}, test.options...)...)
		make.Dir = dir
		if out, err := make.CombinedOutput(); err != nil {
			t.Skipf("%s: this openssl cannot: %s", test.name, out)
		}
		// As the program is built, a negative number is a warning: RFC 5280 §4.1.2.2 asks for that. crypto/tls remembers what
		// it has parsed, so the refusal comes first.
		for _, accepts := range []bool{false, true} {
			t.Setenv("GODEBUG", map[bool]string{false: "x509negativeserial=0", true: "x509negativeserial=1"}[accepts])
			for _, version := range []string{"-tls1_2", "-tls1_3"} {
				if test.want == cause.V10 && version == "-tls1_3" {
					continue // RSASSA-PSS with SHA-256 does not fit into so short a key
				}
				q := under(config.TLSRequire, "partner.example", "mx1.partner.example")
				addr := sServer(t, tool, dir, "-rev", version, "-key", "odd.key", "-cert", "odd.pem", "-cipher", "ALL:@SECLEVEL=0")
				o := shake(t, trusting(), q, addr)
				passes := accepts && test.want == cause.V11
				if o.Encrypted != passes || passes != warns(o.Findings, cause.V11) || !passes && o.Cause != test.want {
					t.Errorf("%s, %s, %v: %+v", test.name, version, accepts, o)
				}
				q = under(config.TLSRequireVerify, "partner.example", "mx1.partner.example")
				if o := shake(t, trusting(), q, addr); o.Encrypted || o.Stopped != passes {
					t.Errorf("%s, %s, %v: is anybody content with the handshake? %+v", test.name, version, accepts, o)
				}
			}
		}
	}
}

// TestAgainstOpenSSLClient has OpenSSL as the peer that sends.
func TestAgainstOpenSSLClient(t *testing.T) {
	p := newPKI(t)
	tool, dir := openSSLDir(t, p)
	certs := []tls.Certificate{shown(p.leaf, p.mid)}
	for _, test := range []struct {
		name   string
		args   []string
		client ClientMode
		want   cause.ID
		cipher string
	}{
		{"good", []string{"-CAfile", "root.pem", "-verify_return_error"}, NoClient, "", ""},
		{"TLS 1.2", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"}, NoClient, "", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"chacha", []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, NoClient, "", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{"RSA only", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, NoClient, cause.H1, ""},
		{"anonymous only", []string{"-tls1_2", "-cipher", "ADH-AES128-SHA:AECDH-AES128-SHA:@SECLEVEL=0"}, NoClient, cause.H6, ""},
		{"TLS 1.1", []string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, NoClient, cause.H2, ""},
		{"odd curve", []string{"-tls1_2", "-groups", "secp256k1"}, NoClient, cause.H7, ""},
		{"odd curve in TLS 1.3", []string{"-tls1_3", "-groups", "x448"}, NoClient, cause.H7, ""},
		{"RSA signatures only", []string{"-tls1_3", "-sigalgs", "RSA-PSS+SHA256"}, NoClient, cause.H7, ""},
		{"does not trust us in TLS 1.3", []string{"-verify_return_error"}, NoClient, cause.H8, ""},
		{"does not trust us in TLS 1.2", []string{"-tls1_2", "-verify_return_error"}, NoClient, cause.H8, ""},
		{"no certificate", nil, DemandClient, cause.H11, ""},
		{"certificate", []string{"-key", "key.pem", "-cert", "leaf.pem", "-cert_chain", "mid.pem"}, DemandClient, "", ""},
		{"certificate without intermediate", []string{"-key", "key.pem", "-cert", "leaf.pem"}, DemandClient, cause.H11, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := func(conn net.Conn) {
				// OpenSSL makes its own connection; this one carries its bytes.
				relay(t, conn, tool, dir, test.args)
			}
			o := accept(t, newServer(t, certs, test.client, trusting(p.root)), client)
			if o.Cause != test.want || o.Encrypted != (test.want == "") || test.cipher != "" && o.Cipher != test.cipher {
				t.Errorf("%+v", o)
			}
		})
	}
}

// relay runs `openssl s_client` and carries its bytes over conn.
func relay(t *testing.T, conn net.Conn, tool, dir string, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	defer l.Close()
	cmd := exec.Command(tool, append([]string{"s_client", "-connect", l.Addr().String()}, args...)...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	defer cmd.Wait()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	peer, err := l.Accept()
	if err != nil {
		cmd.Process.Kill()
		t.Error(err)
		return
	}
	defer peer.Close()
	up := make(chan struct{})
	go func() {
		defer close(up)
		io.Copy(conn, peer)
		conn.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(peer, conn)
	peer.(*net.TCPConn).CloseWrite()
	<-up
}

// TestOpenSSLWords compares our words and numbers with those that the guides of mail gateways quote.
func TestOpenSSLWords(t *testing.T) {
	for _, test := range []struct {
		err    error
		number int
		text   string
	}{
		{tls.RecordHeaderError{}, 336130315, "error:1408F10B:SSL routines:SSL3_GET_RECORD:wrong version number"},
		{&VerifyError{Findings: []Finding{{Reason: "x"}}}, 336134278, "error:14090086:SSL routines:SSL3_GET_SERVER_CERTIFICATE:certificate verify failed"},
		{io.ErrUnexpectedEOF, 336150822, "error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading"},
		{errors.New("it's\r\nodd"), 336150596, "error:14094044:SSL routines:SSL3_READ_BYTES:internal error (its  odd)"},
	} {
		if number, text := OpenSSLError(test.err); number != test.number || text != test.text {
			t.Errorf("%v: %d %s", test.err, number, text)
		}
	}
}

// TestNewTrust reads the lists that the configuration puts in force.
func TestNewTrust(t *testing.T) {
	p := newPKI(t)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, certPEM(p.root), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	trust, err := NewTrust(&config.Config{Authorities: config.Authorities{System: true}}, nil, nil)
	if err != nil || !trust.inForce.holds(p.root.cert) {
		t.Fatal(err)
	}
	trust, err = NewTrust(&config.Config{}, nil, nil)
	if err != nil || trust.inForce.holds(p.root.cert) || !trust.others.holds(p.root.cert) {
		t.Fatal(err)
	}
}
