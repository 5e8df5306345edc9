package commands

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// certificateBench is an appliance whose custom list trusts an authority, with profiles of all kinds: good, wrongname,
// untrusted, expired and clients, which is not meant for servers.
func certificateBench(t *testing.T) *bench {
	t.Helper()
	b, ca, stranger := newBench(t), newIssuer(t), newIssuer(t)
	list, err := b.a.Certs.PutAuthorities([]*x509.Certificate{ca.root})
	if err != nil {
		t.Fatal(err)
	}
	b.put(func(c *config.Config) {
		c.Authorities.Custom = true
		c.Refs[config.AuthoritiesRef] = list
	})
	for name, by := range map[string]*issuer{"good": ca, "better": ca, "wrongname": ca, "untrusted": stranger, "expired": ca, "clients": ca, "sni": ca} {
		key := newECKey(t)
		template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{"mail.example.com"}, NotAfter: time.Now().Add(90 * day)}
		switch name {
		case "wrongname":
			template.DNSNames = []string{"other.example"}
		case "sni":
			template.DNSNames = []string{"mx.example.com", "*.example.net"}
		case "expired":
			template.NotAfter = time.Now().Add(-time.Minute)
		case "clients":
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}
		leaf := by.signFor(template, &key.PublicKey, by.certificate, by.key)
		p, _, err := certstore.Assemble(key, []*x509.Certificate{leaf, by.certificate})
		if err != nil {
			t.Fatal(err)
		}
		b.profile(name, p, nil)
	}
	return b
}

// serve gives InboundMail certificates, and more.
func serve(profiles ...string) func(c *config.Config) {
	return func(c *config.Config) { c.Listeners["InboundMail"].Certificates = profiles }
}

func TestWhatBecomesWorse(t *testing.T) {
	b := certificateBench(t)
	names := func(more map[string][]string) func(c *config.Config) {
		return func(c *config.Config) { c.Listeners["InboundMail"].ServerNames = more }
	}
	both := func(edits ...func(c *config.Config)) func(c *config.Config) {
		return func(c *config.Config) {
			for _, edit := range edits {
				edit(c)
			}
		}
	}
	deliver := func(profile string) func(c *config.Config) {
		return func(c *config.Config) { c.Delivery.Certificate = profile }
	}
	added := func(profile string) func(c *config.Config) {
		return func(c *config.Config) {
			l := config.NewListener(config.Public, "Management", 2526)
			l.Certificates = []string{profile}
			c.Listeners["Added"] = l
		}
	}
	to := func(profile string) func(c *config.Config) {
		return func(c *config.Config) { c.Destinations["partner.example"] = &config.Destination{Certificate: profile} }
	}
	chain, name, expired := "does not verify, ", "does not name ", "is not valid today."
	for _, tt := range []struct {
		name          string
		before, after func(c *config.Config)
		worse         []string // in order
		notes         int
	}{
		{name: "good for good", before: serve("good"), after: serve("better")},
		{name: "untrusted for good", before: serve("good"), after: serve("untrusted"), worse: []string{chain}},
		{name: "another name for good", before: serve("good"), after: serve("wrongname"), worse: []string{name + "mail.example.com, the one before did."}},
		{name: "expired for good", before: serve("good"), after: serve("expired"), worse: []string{expired}},
		{name: "for clients only", before: serve("good"), after: serve("clients"), worse: []string{chain}},
		{name: "the same as before", before: serve("untrusted"), after: both(serve("untrusted"), deliver("good"))},
		{name: "untrusted for untrusted", before: serve("untrusted"), after: serve("untrusted")},
		{name: "untrusted for Demo", before: serve("Demo"), after: serve("untrusted"), notes: 1},
		{name: "another name for Demo", before: serve("Demo"), after: serve("wrongname"), notes: 1},
		{name: "good for Demo", before: serve("Demo"), after: serve("good")},
		{name: "expired for Demo", before: serve("Demo"), after: serve("expired"), worse: []string{expired}},
		{name: "expired stays", before: serve("expired"), after: both(serve("expired"), deliver("good"))},
		{name: "Demo for good", before: serve("good"), after: serve("Demo"), notes: 1},
		{name: "a second one that is worse", before: serve("good"), after: serve("good", "untrusted"), worse: []string{chain}},
		{name: "a new listener", before: serve("good"), after: both(serve("good"), added("untrusted"))},
		{name: "a new listener with an expired one", before: serve("good"), after: both(serve("good"), added("expired")), worse: []string{"Listener Added: "}},
		{name: "a new listener with Demo", before: serve("good"), after: both(serve("good"), added("Demo")), notes: 1},
		{name: "a name of its own", before: serve("good"), after: names(map[string][]string{"mx.example.com": {"sni"}, "*.example.net": {"sni"}, "a.example.net": {"sni"}})},
		{name: "a name that it does not speak for", before: serve("good"), after: names(map[string][]string{"*.example.com": {"sni"}}),
			worse: []string{"Listener InboundMail (*.example.com): the certificate of profile \"sni\" does not name *.example.com."}},
		{name: "a name with a chain that does not verify", before: serve("good"), after: names(map[string][]string{"mail.example.com": {"untrusted"}}),
			worse: []string{"does not verify, that of Listener InboundMail does."}},
		{name: "delivery", before: deliver("good"), after: deliver("untrusted"), worse: []string{"Delivery (destination controls): the chain"}},
		{name: "delivery with another name", before: deliver("good"), after: deliver("wrongname")},
		{name: "a destination of its own", before: deliver("good"), after: to("untrusted"), worse: []string{"that of Delivery (destination controls) does."}},
		{name: "a destination where delivery has Demo", before: deliver("Demo"), after: to("untrusted")},
		{name: "the list goes", before: serve("good"), after: func(c *config.Config) { c.Authorities.Custom = false }, worse: []string{chain}},
		{name: "content that cannot be read", before: serve("good"), after: func(c *config.Config) {
			c.Refs[config.CertificateRef("good")], _ = b.a.Config.Vault().Put("certificate", []byte("broken"))
		}, worse: []string{"cannot be used"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := b.running().Clone()
			b.put(func(c *config.Config) {
				serve("Demo")(c)
				deliver("Demo")(c)
				tt.before(c)
			})
			next := b.running().Clone()
			tt.after(next)
			r := (&committing{a: b.a}).remarks(next)
			if len(r.worse) != len(tt.worse) || len(r.notes) != tt.notes {
				t.Fatalf("worse %q, notes %q", r.worse, r.notes)
			}
			for i, want := range tt.worse {
				if !strings.Contains(r.worse[i], want) {
					t.Errorf("%q lacks %q", r.worse[i], want)
				}
			}
			b.put(func(c *config.Config) { *c = *start })
		})
	}
}

// At a terminal it is asked, elsewhere only commit force insists; what is refused changes nothing.
func TestCommitAsksAboutCertificates(t *testing.T) {
	b := certificateBench(t)
	b.put(serve("good"))
	assign := "listenerconfig edit InboundMail certificate "
	b.fails(assign+"untrusted; commit \"a comment\"", "", `Error: Listener InboundMail: the chain of profile "untrusted" does not verify, the one before did. Nothing is committed; commit force insists.`)
	out := b.script(1, assign+"untrusted", "commit", "", "", "exit", "y")
	contains(t, out, "Do you want to save the current configuration for rollback? [Y]> ", "Nothing is committed; commit force insists.")
	contains(t, b.exec(0, assign+"expired; commit check; clearchanges -y", ""), "is not valid today.\n", "needs commit force.\n", "Nothing is committed.")
	contains(t, b.exec(0, assign+"Demo; commit check --json; clearchanges -y", ""), `"committed": false`, `"worse": []`, `"notes": [`)
	contains(t, b.exec(0, assign+"untrusted; commit check --json; clearchanges -y", ""), `"worse": [`, "does not verify", `"notes": []`)
	contains(t, b.exec(0, assign+"Demo; commit -y", ""), `Note: Listener InboundMail uses "Demo"`, "Changes committed: ")
	b.put(serve("good"))

	typed := assign + "untrusted\rcommit -y\rn\rshowchanges\rcommit -y\ry\rexit\r"
	screen := shell.RunTyped(t.Context(), b.opts, typed, 200, 50)
	contains(t, screen, `the chain of profile "untrusted" does not verify, the one before did.`, "Do you want to commit nevertheless? [N]> ", "Nothing is committed.",
		"1 change, not committed.", "Do you want to commit nevertheless? [N]> ", "Changes committed: ")
	b.put(serve("good"))
	b.exec(0, assign+"untrusted; commit force \"I know\"", "")
	if got := b.running().Listeners["InboundMail"].Certificates[0]; got != "untrusted" {
		t.Errorf("the listener has %q", got)
	}
}

// A renewal meanwhile is part of what is judged: the candidate's own view of the profile is older.
func TestCommitJudgesWhatWillBeInForce(t *testing.T) {
	b := certificateBench(t)
	b.put(func(c *config.Config) {
		serve("expired")(c)
		c.ACME.Directory = "https://ca.example/"
		c.Certificates["expired"].ACME = &config.ManagedCertificate{Names: []string{"mail.example.com"}, Challenge: "http-01", Key: "p256"}
	})
	good := b.running().Refs[config.CertificateRef("good")]
	candidate := b.a.Config.Candidate()
	candidate.Config.Listeners["OutboundMail"].Certificates = []string{"expired"}
	if _, err := b.a.Config.Renew(t.Context(), "expired", good, config.Author{User: "(acme)"}, ""); err != nil {
		t.Fatal(err)
	}
	result, err := b.a.Config.Check(t.Context(), candidate)
	if err != nil {
		t.Fatal(err)
	}
	if r := (&committing{a: b.a}).remarks(result.Config); len(r.worse) != 0 {
		t.Errorf("worse %q", r.worse)
	}
}
