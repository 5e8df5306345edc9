package testscripts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettingsIn changes what the listeners speak, and finds it in force for the next client, by OpenSSL's names.
func TestSettingsIn(t *testing.T) {
	t.Parallel()
	in := newInward(t)
	in.commit(t, in.imported(t, "rsa", mintFor(t, in.root, rsaKey(t, 2048), "mail.example.com", enciphering)),
		"listenerconfig edit InboundMail certificate ours,rsa")
	lax := func(version, cipher string) []string {
		return []string{"-" + version, "-cipher", cipher + ":@SECLEVEL=0"}
	}
	for _, step := range []struct {
		setting string
		clients []settingsClient
	}{
		{"sslconfig inbound 3-4 HIGH:MEDIUM:-aNULL", []settingsClient{
			{lax("tls1", "ALL"), []string{"TLS failed: unsupported protocol [H2]", "cause H2 for ADDR: they: TLSv1", "cause H2 for ADDR: we: TLSv1.2 TLSv1.3"}},
			{lax("tls1_2", "ALL"), []string{"TLS success protocol TLSv1.2 cipher ECDHE-ECDSA-AES128-GCM-SHA256"}},
			{lax("tls1_2", "aRSA"), []string{"TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES128-GCM-SHA256"}},
			{lax("tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"), []string{"TLS success protocol TLSv1.2 cipher ECDHE-ECDSA-CHACHA20-POLY1305"}},
			{lax("tls1_2", "AES256-SHA"), []string{"TLS success protocol TLSv1.2 cipher AES256-SHA"}},
			{[]string{"-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"}, []string{"TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384"}},
		}},
		{"sslconfig inbound 1-4 HIGH:MEDIUM:-aNULL", []settingsClient{
			{lax("tls1", "ALL"), []string{"TLS success protocol TLSv1 cipher ECDHE-ECDSA-AES128-SHA"}},
			{lax("tls1_1", "aRSA"), []string{"TLS success protocol TLSv1.1 cipher ECDHE-RSA-AES128-SHA"}},
		}},
		{"sslconfig inbound tlsv1_2 ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", []settingsClient{
			{lax("tls1_2", "aRSA"), []string{"TLS failed: no shared cipher [H1]", "cause H1 for ADDR: they: *",
				"cause H1 for ADDR: we: ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256", "cause H1 for ADDR: our certificates: ECDSA P-256 and RSA 2048"}},
			{lax("tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"), []string{"TLS success protocol TLSv1.2 cipher ECDHE-ECDSA-AES256-GCM-SHA384"}},
			{[]string{"-tls1_3"}, []string{"TLS failed: unsupported protocol [H2]", "cause H2 for ADDR: they: TLSv1.3", "cause H2 for ADDR: we: TLSv1.2"}},
		}},
	} {
		in.commit(t, step.setting)
		t.Run(strings.TrimPrefix(step.setting, "sslconfig inbound "), func(t *testing.T) {
			for _, client := range step.clients {
				t.Run(strings.Join(client.args, " "), func(t *testing.T) {
					t.Parallel()
					c := in.newcomer(t, offered)
					c.openssl("InboundMail", client.args...)
					c.want(client.want...)
				})
			}
		})
	}
}

// settingsClient is an s_client and what is logged of it.
type settingsClient struct {
	args []string
	want []string
}

// TestNamesIn gives clients the certificate of the name that they ask for, of the kind that they can check.
func TestNamesIn(t *testing.T) {
	t.Parallel()
	in := newInward(t)
	in.commit(t,
		in.imported(t, "named", mint(t, in.root, "mx.example.com")),
		in.imported(t, "namedrsa", mintFor(t, in.root, rsaKey(t, 2048), "mx.example.com")),
		in.imported(t, "rsa", mintFor(t, in.root, rsaKey(t, 2048), "mail.example.com")),
		"listenerconfig edit InboundMail certificate ours,rsa",
		"listenerconfig edit InboundMail servername mx.example.com named,namedrsa",
		"listenerconfig edit InboundMail servername *.hosted.example named")
	rsa := []string{"-tls1_2", "-cipher", "aRSA"}
	for _, ask := range []struct {
		name, want, kind string
		args             []string
	}{
		{"", "mail.example.com", "id-ecPublicKey", nil},
		{"", "mail.example.com", "rsaEncryption", rsa},
		{"mx.example.com", "mx.example.com", "id-ecPublicKey", nil},
		{"MX.example.com", "mx.example.com", "rsaEncryption", rsa},
		{"mx.example.com", "mx.example.com", "rsaEncryption", []string{"-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"}},
		{"any.hosted.example", "mx.example.com", "id-ecPublicKey", nil},
		{"hosted.example", "mail.example.com", "id-ecPublicKey", nil},
		{"unknown.example", "mail.example.com", "rsaEncryption", rsa},
	} {
		t.Run(fmt.Sprintf("%s %v", ask.name, ask.args), func(t *testing.T) {
			t.Parallel()
			c := in.newcomer(t, offered)
			name := []string{"-noservername"}
			if ask.name != "" {
				name = []string{"-servername", ask.name}
			}
			said := c.openssl("InboundMail", append(name, ask.args...)...)
			if !strings.Contains(said, "subject=CN = "+ask.want+"\n") || !strings.Contains(said, "PKEY: "+ask.kind) {
				t.Errorf("want %s, %s:\n%s", ask.want, ask.kind, said)
			}
			c.want("TLS success *")
		})
	}
}

// TestUnusableIn is L1: a key that TLS has no signatures for. STARTTLS is answered with 454, and mail may go on in clear.
func TestUnusableIn(t *testing.T) {
	t.Parallel()
	in := newInward(t)
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in.commit(t, in.imported(t, "odd", mintFor(t, in.root, key, "mail.example.com")),
		"listenerconfig edit InboundMail certificate odd", "listenerconfig edit Submissions certificate odd")
	const why = "TLS failed: no key of our certificates can be used for TLS [L1]"
	c := in.newcomer(t, offered).greet("InboundMail")
	c.say("STARTTLS", "454 4.7.0 TLS not available due to a temporary reason")
	c.say("STARTTLS", "454 4.7.0 TLS not available due to a temporary reason")
	c.send("in clear")
	c.want(why, why, "MID ", "MID From: <a@client.example>", "MID RID 0 To: <b@example.com>")

	strict := in.newcomer(t, needed).greet("InboundMail")
	strict.say("STARTTLS", "454 4.7.0")
	strict.say("MAIL FROM:<a@client.example>", "530 5.7.0")
	strict.say("QUIT", "221 ")
	strict.want(why, "TLS was required but remote host did not initiate it [S6]")

	if said := in.newcomer(t, offered).call("Submissions").rest(); said != "" {
		t.Errorf("said %q", said)
	}
	if said := in.console(t, "findevent -x L1 mail_logs")[0]; strings.Count(said, "L1") != 2 || !strings.Contains(said, "<a@client.example>") {
		t.Errorf("findevent: %s", said)
	}
}

// TestHandshakesAtOnceIn lets clients begin handshakes and not go on. Whoever is one too many is told so and not served,
// and a place is free again once its handshake is over, however it ends.
func TestHandshakesAtOnceIn(t *testing.T) {
	in := newInward(t, "listenerconfig setup max_handshakes_per_peer 2 max_handshakes 3")
	const busy = "421 4.7.0 Too many TLS sessions at this time"
	slow := in.newcomer(t, offered)
	again := func() *caller { return &caller{t: t, in: in, from: slow.from} }
	slow.call("InboundMail").ready()
	second := again().call("InboundMail").ready()
	third := again().greet("InboundMail")
	third.say("STARTTLS", busy)
	if said := third.rest(); said != "" {
		t.Errorf("said %q", said)
	}
	other := in.newcomer(t, offered).call("InboundMail").ready() // the third in all
	last := in.newcomer(t, offered).greet("InboundMail")
	last.say("STARTTLS", busy)
	last.rest()
	if said := in.newcomer(t, offered).call("Submissions").rest(); said != "" { // nothing can be said without a handshake
		t.Errorf("said %q", said)
	}
	last.want("Receiving Failed: Connection limit exceeded")

	other.secure(&tls.Config{}) // one is over, the session goes on
	other.say("EHLO client.example", "250 SIZE")
	second.conn.Close() // and one is given up
	second.visits(2)    // with the third, which is over
	again().call("InboundMail").ready().secure(&tls.Config{})
	other.send("served")
	slow.secure(&tls.Config{})
	slow.send("slow, and served")
}

// TestResumptionIn resumes sessions, of both versions, and does not across a commit.
func TestResumptionIn(t *testing.T) {
	in := newInward(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		t.Run(version, func(t *testing.T) {
			session := filepath.Join(t.TempDir(), "session")
			visit := func(want string, args ...string) {
				t.Helper()
				c := in.newcomer(t, offered)
				if said := c.openssl("InboundMail", append(args, version)...); !strings.Contains(said, want+", TLSv1.") {
					t.Errorf("want %q:\n%s", want, said)
				}
				c.want("TLS success *")
			}
			visit("New", "-sess_out", session)
			visit("Reused", "-sess_in", session)
			for _, commit := range [][]string{
				{"certconfig authority system disable"}, {"certconfig authority system enable"},
				{in.imported(t, "ours", mint(t, in.root, "mail.example.com"))},
			} {
				in.commit(t, commit...)
				visit("New", "-sess_in", session)
				visit("New", "-sess_out", session)
				visit("Reused", "-sess_in", session)
			}
		})
	}
}
