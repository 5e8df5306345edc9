package testscripts

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// authorities are those that the appliance trusts, and what is below them.
type authorities struct {
	root, mid *entity
	listed    *entity // publishes a revocation list
	stale     *entity // published one once
	silent    *entity // says that it does, and does not
	stranger  *entity // is trusted by nobody
	revoked   *entity // by listed
	lists     string  // URL of the revocation lists
}

func newAuthorities(t *testing.T) *authorities {
	a := &authorities{
		root: mint(t, nil, "Root", issuing), listed: mint(t, nil, "Listed", issuing), stale: mint(t, nil, "Stale", issuing),
		silent: mint(t, nil, "Silent", issuing), stranger: mint(t, nil, "Stranger", issuing),
	}
	a.mid = mint(t, a.root, "Middle", issuing)
	a.revoked = mint(t, a.listed, "*.v7.example")
	a.lists = publishes(t, map[string][]byte{
		"/listed": a.listed.revokes(t, time.Hour, a.revoked), "/stale": a.stale.revokes(t, -time.Hour),
	})
	return a
}

func (a *authorities) pem() []byte { return asPEM(a.root, a.listed, a.stale, a.silent) }

// settings put the authorities and their lists in force.
func (a *authorities) settings() string {
	text := "certconfig authority custom import roots.pem\ncertconfig authority custom enable\ncertconfig crl setup outbound on\n"
	for _, name := range []string{"listed", "stale", "silent"} {
		text += fmt.Sprintf("certconfig crl new %s %s/%s\n", name, a.lists, name)
	}
	return text
}

func outCases(t *testing.T, a *authorities) []*outCase {
	cases := connectCases(t)
	cases = append(cases, startTLSCases()...)
	cases = append(cases, handshakeCases(t, a)...)
	cases = append(cases, clientCases(t, a)...)
	cases = append(cases, chainCases(t, a)...)
	return append(cases, certificateCases(t, a)...)
}

func connectCases(t *testing.T) []*outCase {
	return []*outCase{
		{name: "n1", kind: hopeless, route: byDNS},
		{name: "n1-null", kind: hopeless, route: byDNS, zone: "preferred.n1-null.example. MX 0 .\n"},
		{name: "n1-address", kind: hopeless, route: byDNS, zone: "preferred.n1-address.example. MX 10 none.n1-address.example.\n"},
		{name: "n2", kind: unreached, route: byDNS, zone: "preferred.n2.example. TXT fails\n"},
		{name: "n2-address", kind: unreached, route: byDNS,
			zone: "preferred.n2-address.example. MX 10 mx.n2-address.example.\nmx.n2-address.example. TXT fails\n"},
		{name: "n3", kind: unreached, route: "[" + quiet + "]:25"},
		{name: "n4", kind: unreached, slow: true, route: "[127.0.0.1]:" + crowdedPort(t)},
		{name: "n4-ehlo", kind: unreached, slow: true, fault: fault{replies: map[string]string{"EHLO": silent}}},
		{name: "n5", kind: unreached, fault: fault{banner: dropped}},
		{name: "n5-reset", kind: unreached, fault: fault{banner: severed}},
		{name: "n6", kind: unreached, fault: fault{banner: "554 5.7.1 go away"}},
		{name: "n6-now", kind: unreached, fault: fault{banner: "421 4.3.2 come again"}},
		{name: "n7", kind: unreached, slow: true, fault: fault{banner: silent}},
		{name: "n8", kind: unreached, route: "[127.255.255.255]:25"}, // a network's broadcast address, to which TCP has no route
		{name: "n9", kind: hopeless, route: byDNS, zone: "preferred.n9.example. MX 10 mail.example.com.\n"},
	}
}

// quiet is an address on which nothing listens unless a test does.
const quiet = "127.77.0.3"

// crowdedPort is one whose queue of connections is full: what comes then is dropped, as a firewall does.
func crowdedPort(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(at.(*syscall.SockaddrInet4).Port)
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return port
}

func startTLSCases() []*outCase {
	answering := func(verb, reply string) fault { return fault{replies: map[string]string{verb: reply}} }
	return []*outCase{
		{name: "s1", kind: withoutTLS, fault: answering("EHLO", "502 5.5.1 what?")},
		{name: "s2", kind: withoutTLS, fault: fault{offers: []string{"8BITMIME"}}},
		{name: "s3", kind: withoutTLS, fault: answering("STARTTLS", "454 4.7.0 not now")},
		{name: "s3-never", kind: withoutTLS, fault: answering("STARTTLS", "502 5.5.1 not implemented")},
		{name: "s4", kind: broken, fault: answering("STARTTLS", "220 go|250 more")},
		{name: "s5", kind: withoutTLS, fault: fault{offers: []string{"8BITMIME", "XXXXXXXA"}}},
		{name: "s7", kind: withoutTLS, fault: answering("STARTTLS", dropped)},
		{name: "s7-reset", kind: withoutTLS, fault: answering("STARTTLS", severed)},
		{name: "s7-silent", kind: withoutTLS, slow: true, fault: answering("STARTTLS", silent)},
		{name: "s8", kind: withoutTLS, fault: answering("EHLO", dropped)},
		{name: "s8-reset", kind: withoutTLS, fault: answering("EHLO", severed)},
	}
}

func handshakeCases(t *testing.T, a *authorities) []*outCase {
	shaking := func(name string, s shake) *outCase { return &outCase{name: name, kind: broken, fault: fault{shake: s}} }
	serving := func(name string, conf *tls.Config) *outCase { return shaking(name, served(conf)) }
	leaf := func(name string) *entity { return mint(t, a.root, "*."+name+".example") }
	old := mintFor(t, a.root, rsaKey(t, 2048), "*.h1.example").shows()
	old.MinVersion, old.MaxVersion, old.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
	key := func(name string) *entity {
		e := leaf(name)
		return &entity{e.Certificate, impostor{mint(t, nil, "another").key, e.PublicKey}}
	}
	large := &outCase{name: "h12", kind: warned, route: "h12.host.example:PORT", zone: "h12.host.example. A 127.0.0.1\n",
		fault: fault{shake: fragile(517, leaf("h12").shows())}}
	mute := serving("s1-tls", leaf("s1-tls").shows())
	mute.fault.late = map[string]string{"EHLO": "502 5.5.1 what?", "HELO": "502 5.5.1 what?"}
	cases := []*outCase{
		mute,
		serving("h1", old),
		serving("h2", upTo(tls.VersionTLS11, leaf("h2").shows())),
		shaking("h3", nil),
		shaking("h4", afterHello(func(c net.Conn) { c.Close() })),
		shaking("h4-reset", afterHello(endWithRST)),
		shaking("h4-late", func(c net.Conn) net.Conn {
			return served(upTo(tls.VersionTLS12, leaf("h4-late").shows()))(&cut{Conn: c})
		}),
		shaking("h5", afterHello(func(c net.Conn) { io.Copy(io.Discard, c) })),
		serving("h10", key("h10").shows()),
		serving("h10-12", upTo(tls.VersionTLS12, key("h10-12").shows())),
		large,
		shaking("h13", alerting(80)),
		shaking("h13-name", alerting(112)),
	}
	for _, c := range cases {
		c.slow = c.name == "h5"
	}
	rsa := mintFor(t, a.root, rsaKey(t, 2048), "mx.openssl.example").files(t)
	for _, o := range []struct {
		name, logged string
		args         []string
	}{
		{"h1-dhe", "", append([]string{"-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"}, rsa...)},
		{"h6", "H1", []string{"-tls1_2", "-nocert", "-cipher", "aNULL:@SECLEVEL=0"}},
		{"h7", "H1", append([]string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384", "-groups", "brainpoolP256r1"}, rsa...)},
		{"h7-scheme", "H1", append([]string{"-tls1_2", "-cipher", "ECDHE+aRSA:@SECLEVEL=0", "-sigalgs", "RSA+SHA1"}, rsa...)},
	} {
		c := shaking(o.name, forwarded(opensslServer(t, o.args...)))
		c.logged, c.needs = o.logged, "openssl"
		cases = append(cases, c)
	}
	return cases
}

// clientCases are peers that are not content with our certificate.
func clientCases(t *testing.T, a *authorities) []*outCase {
	var cases []*outCase
	add := func(name string, s shake, needs string) {
		cases = append(cases, &outCase{name: name, kind: broken, fault: fault{shake: s}, needs: needs})
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		name := map[uint16]string{tls.VersionTLS12: "h8-12", tls.VersionTLS13: "h8"}[version]
		conf := upTo(version, mint(t, a.root, "*."+name+".example").shows())
		conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		add(name, served(conf), "")
	}
	polite := mint(t, a.root, "*.h8-words.example").shows()
	polite.ClientAuth = tls.RequireAnyClientCert
	add("h8-words", served(polite), "")
	cases[len(cases)-1].fault.late = map[string]string{"EHLO": "554 5.7.1 not you", "HELO": "554 5.7.1 not you"}
	for name, options := range map[string][]string{
		"h8-openssl-12": {"-tls1_2"}, "h8-openssl-13": {"-tls1_3"},
		"h9-openssl-12": {"-tls1_2", "-client_sigalgs", "ed25519"}, "h9-openssl-13": {"-tls1_3", "-client_sigalgs", "ed25519"},
	} { // of our certificates none has a key for Ed25519: to such a peer we have none
		options = append(options, "-Verify", "1", "-verify_return_error")
		files := mint(t, a.root, "*."+name+".example").files(t)
		add(name, forwarded(opensslServer(t, append(options, files...)...)), "openssl")
	}
	return cases
}

// chainCases are peers whose certificates do not lead to anybody in force.
func chainCases(t *testing.T, a *authorities) []*outCase {
	var cases []*outCase
	add := func(name string, k kind, conf *tls.Config) {
		cases = append(cases, &outCase{name: name, kind: k, fault: fault{shake: served(conf)}})
	}
	below := func(issuer *entity, name string, how ...odd) *entity {
		return mint(t, issuer, "*."+name+".example", how...)
	}
	aside := mint(t, a.root, "Aside", issuing)
	strange := mint(t, a.stranger, "Strange Middle", issuing)
	swapped := below(a.mid, "v3-wrongkey")
	add("v1", unproven, below(nil, "v1").shows())
	add("v2", unproven, below(a.mid, "v2").shows())
	add("v2-12", unproven, upTo(tls.VersionTLS12, below(a.mid, "v2-12").shows()))
	add("v2-presumed", unproven, below(strange, "v2-presumed").shows())
	add("v3", unproven, (&entity{a.mid.Certificate, a.mid.key}).shows(below(a.mid, "v3")))
	add("v3-wrongkey", unproven, (&entity{a.mid.Certificate, impostor{swapped.key, a.mid.PublicKey}}).shows(swapped))
	cases[len(cases)-1].only = "required-verify" // the others cannot be told before the handshake is complete
	add("v3-twice", warned, below(a.mid, "v3-twice").shows(a.mid, a.mid))
	add("v3-disorder", warned, below(a.mid, "v3-disorder").shows(a.root, a.mid))
	add("v3-unneeded", warned, below(a.mid, "v3-unneeded").shows(a.mid, aside))
	add("v8", unproven, below(a.stranger, "v8").shows(a.stranger))
	add("v8-presumed", unproven, below(strange, "v8-presumed").shows(strange))
	add("v9", unproven, below(a.root, "v9", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}).shows())
	nobody := mint(t, a.root, "nobody.example")
	add("v9-issuer", unproven, below(nobody, "v9-issuer").shows(nobody))
	narrow := mint(t, a.root, "Narrow", issuing, func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"elsewhere.example"}
	})
	add("v12", unproven, below(narrow, "v12").shows(narrow))
	last := mint(t, a.root, "Last", issuing, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	beyond := mint(t, last, "Beyond", issuing)
	add("v12-path", unproven, below(beyond, "v12-path").shows(beyond, last))
	add("v12-critical", unproven, below(a.root, "v12-critical", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Critical: true, Value: []byte{5, 0}}}
	}).shows())
	return cases
}

// certificateCases are peers whose own certificate is no good.
func certificateCases(t *testing.T, a *authorities) []*outCase {
	var cases []*outCase
	add := func(name string, k kind, conf *tls.Config) {
		cases = append(cases, &outCase{name: name, kind: k, fault: fault{shake: served(conf)}})
	}
	below := func(issuer *entity, name string, how ...odd) *entity {
		return mint(t, issuer, "*."+name+".example", how...)
	}
	over := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }
	over2 := mint(t, a.root, "Over", issuing, over)
	add("v4", unproven, below(a.root, "v4", over).shows())
	add("v4-issuer", unproven, below(over2, "v4-issuer").shows(over2))
	add("v5", unproven, mint(t, a.root, "mx.elsewhere.example").shows())
	add("v6", unproven, below(a.root, "v6", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }).shows())
	add("v7", unproven, a.revoked.shows())
	add("v10", unproven, below(a.root, "v10", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }).shows())
	add("v10-short", warned, mintFor(t, a.root, rsaKey(t, 1024), "*.v10-short.example").shows())
	key := mint(t, nil, "key").key
	garbage := &entity{&x509.Certificate{Raw: []byte{0x30, 3, 2, 1, 1}}, key}
	add("v11", broken, garbage.shows())
	add("v11-12", broken, upTo(tls.VersionTLS12, garbage.shows()))
	add("v11-serial", warned, belowZero(t, a.root, below(a.root, "v11-serial")).shows())
	add("v14", warned, below(a.stale, "v14").shows())
	add("v14-never", warned, below(a.silent, "v14-never", func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{a.lists + "/silent"}
	}).shows())
	cases = append(cases, &outCase{name: "v13", kind: unproven, only: "required-verify", literal: "[127.0.0.13]",
		fault: fault{shake: served(below(a.root, "v13").shows())}})
	small := &outCase{name: "v10-tiny", kind: broken, needs: "openssl"}
	small.fault.shake = forwarded(opensslServer(t, append([]string{"-cipher", "ALL:@SECLEVEL=0"}, tiny(t, a.root, 768, "*.v10-tiny.example")...)...))
	return append(cases, small)
}
