package commands

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/config"
)

// listEngine is an engine that fetches revocation lists.
type listEngine struct {
	*engineNotes
	lists []certstore.CRLStatus
}

func (e *listEngine) CRLs() []certstore.CRLStatus { return e.lists }
func (e *listEngine) UpdateCRLs(context.Context) []certstore.CRLStatus {
	e.note("updatecrls")
	return e.lists
}

func TestCertConfigCRL(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "certconfig", "crl", "new", "ca", "http://crl.example/ca.crl", "", "", "new", "other", "https://crl.example/o.crl", "30", "n",
		"setup", "y", "", "n", "print", "edit", "other", "", "45", "y", "delete", "2", "", "", "commit -y")
	contains(t, out, `
Certificate Revocation Lists
Inbound: Disabled, Outbound: Disabled, GUI: Disabled
There is no source.

Choose the operation you want to perform:
- NEW - Add a source of a Certificate Revocation List
- SETUP - Switch the lists on or off for inbound, outbound and GUI
[]> `, "Enter a name for this source:\n[]> ", "Enter the URL of the list (http or https):\n[]> ", "Enter the minutes between two fetches:\n[60]> ",
		"Do you want to enable this source? [Y]> ", `Source "ca" added.
Note: the lists are off for inbound, outbound and GUI; SETUP switches them on.
`, `Name                 URL                                      Interval     State
-------------------- ---------------------------------------- ------------ --------
ca                   http://crl.example/ca.crl                60 minutes   Enabled
`, "- EDIT - ", "- DELETE - ", "- PRINT - ", "- UPDATE - Fetch now\n", "other                https://crl.example/o.crl                30 minutes   Disabled\n",
		"Inbound: Enabled, Outbound: Disabled, GUI: Disabled\n", "\nca\n   URL: http://crl.example/ca.crl\n   Fetched every 60 minutes\n   Not in force until it is committed\n",
		"\nother\n", "   Disabled\n", "1. ca\n2. other\nSelect the source you wish to edit:\n", "[https://crl.example/o.crl]> ", `Source "other" updated.`, `Source "other" deleted.`)

	again := newBench(t)
	again.exec(0, "certconfig crl new ca http://crl.example/ca.crl; certconfig crl new other https://crl.example/o.crl minutes=30 enabled=off; "+
		"certconfig crl setup inbound on; certconfig crl edit OTHER minutes=45 enabled=on; certconfig crl delete other; commit -y", "")
	if b.settings() != again.settings() || !strings.Contains(b.settings(), "http://crl.example/ca.crl") {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	for _, c := range []struct{ line, want string }{
		{"certconfig crl new CA http://x.example/", `Invalid name "CA"`},
		{"certconfig crl new a/b http://x.example/", "is not a name"},
		{"certconfig crl new x ftp://x.example/", "is not a URL"},
		{"certconfig crl new x http://x.example/ minutes=1", `Invalid minutes "1"`},
		{"certconfig crl new x http://x.example/ enabled=maybe", `Invalid enabled "maybe"`},
		{"certconfig crl new x http://x.example/ foo=1", `Invalid word "foo=1"`},
		{"certconfig crl edit none minutes=10", `Unknown source "none"`},
		{"certconfig crl delete none", `Unknown source "none"`},
		{"certconfig crl setup inbound maybe", `Invalid inbound "maybe"`},
		{"certconfig crl setup mail on", `Invalid key "mail"`},
		{"certconfig crl", "Invalid command"},
		{"certconfig crl frobnicate", `Invalid word "frobnicate"`},
		{"certconfig crl update", "Error: no source is in force; commit one first."},
	} {
		b.fails(c.line, "", c.want)
	}
}

func TestCertConfigCRLStatus(t *testing.T) {
	b := newBench(t)
	engine := &listEngine{engineNotes: b.engine}
	b.a.Engine = engine
	b.fails("certconfig crl update", "", "no source is in force")
	b.exec(0, "certconfig crl new ca http://crl.example/ca.crl; commit -y", "")
	at := time.Date(2026, 5, 23, 11, 42, 12, 0, time.UTC)
	engine.lists = []certstore.CRLStatus{{
		Name: "ca", URL: "http://crl.example/ca.crl", Issuer: "CN=Example Issuing CA", Verified: true, Revoked: 1234, ThisUpdate: at,
		NextUpdate: at.Add(time.Hour), Fetched: at, Stale: true, Fault: "the server answers \"404 Not Found\"",
	}}
	contains(t, b.exec(0, "certconfig crl print", ""), "   Issuer: CN=Example Issuing CA (signature checked)\n   Revoked certificates: 1,234\n",
		"   Issued: Sat May 23 11:42:12 2026 GMT, next: Sat May 23 12:42:12 2026 GMT\n", "   Stale\n   The last fetch brought none: the server answers")
	contains(t, b.exec(0, "certconfig crl print --json", ""), `"inbound": false`, `"name": "ca"`, `"revoked": 1234`, `"stale": true`, `"in_force": true`)
	b.fails("certconfig crl update", "", "Failed to fetch 1 of 1 lists.")
	engine.lists[0].Fault = ""
	contains(t, b.exec(0, "certconfig crl update", ""), "ca: 1,234 revoked certificates, next list Sat May 23 12:42:12 2026 GMT\n")
	if calls := b.engine.called(); calls != "updatecrls; updatecrls; updatecrls" {
		t.Errorf("calls %q", calls)
	}
	contains(t, b.exec(0, "certconfig crl edit ca url=http://crl.example/new.crl; certconfig crl print; clearchanges -y", ""),
		"   URL: http://crl.example/new.crl\n   Fetched every 60 minutes\n   Not in force until it is committed\n")
}

// An intermediate that ends first decides the days that are left, and is named.
func TestCertConfigEndsFirst(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key, between := newECKey(t), newECKey(t)
	short := ca.sign(templateOf("Short CA", 5), between, ca.root, ca.rootKey)
	leaf := ca.signFor(templateOf("mx1.partner.example", 90), &key.PublicKey, short, between)
	out := b.exec(0, "certconfig paste partner; certconfig list; certconfig list --json; clearchanges -y", keyPEM(t, key)+certPEM(leaf, short))
	contains(t, out, "partner              mx1.partner.example  Short CA             Expiring  5 days\n",
		`In profile "partner" the intermediate certificate CN=Short CA ends first, on `, `"remaining_days": 5`, `"ends_first": "CN=Short CA"`)
}

// Every place of use is printed, and named where a profile is to be deleted.
func TestCertConfigUses(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	b.exec(0, "certconfig paste partner; commit -y", keyPEM(t, key)+certPEM(ca.leaf(&key.PublicKey, 90), ca.certificate))
	b.put(func(c *config.Config) {
		c.Listeners["InboundMail"].ServerNames = map[string][]string{"mx1.partner.example": {"partner"}}
		c.Destinations["partner.example"] = &config.Destination{Certificate: "partner"}
	})
	contains(t, b.exec(0, "certconfig print", ""), `Listener InboundMail                       Demo
Listener InboundMail (mx1.partner.example) partner
`, "Delivery (destination controls)            Demo\nDestination partner.example                partner\n", "HTTPS Management", "LDAPS", "URL filtering")
	b.fails("certconfig delete partner", "", `Certificate profile "partner" is used by Listener InboundMail (mx1.partner.example), Destination partner.example.`)
	contains(t, b.exec(0, "certconfig show partner", ""), "Used by: Listener InboundMail (mx1.partner.example), Destination partner.example\n")
}

// What an operator stores in a profile of ACME's is his from then on; intermediates alone do not take it away.
func TestCertConfigOverACME(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	leaf := ca.leaf(&key.PublicKey, 90)
	b.exec(0, "certconfig paste partner; commit -y", keyPEM(t, key)+certPEM(leaf))
	b.put(func(c *config.Config) {
		c.ACME.Directory = "https://ca.example/"
		c.Certificates["partner"].ACME = &config.ManagedCertificate{Names: []string{"mx1.partner.example"}, Challenge: "http-01", Key: "p256"}
	})
	b.exec(0, "certconfig edit partner; commit -y", certPEM(ca.certificate))
	if b.running().Certificates["partner"].ACME == nil {
		t.Error("intermediates have taken the profile from ACME")
	}
	contains(t, b.exec(0, "certconfig edit partner; commit -y", certPEM(ca.leaf(&key.PublicKey, 80))), `Certificate profile "partner" is no longer renewed by ACME.`)
	if b.running().Certificates["partner"].ACME != nil {
		t.Error("ACME would replace what the operator has stored")
	}
}

// put commits what edit changes, if anything.
func (b *bench) put(edit func(c *config.Config)) {
	b.t.Helper()
	candidate := b.a.Config.Candidate()
	edit(candidate.Config)
	if _, err := b.a.Config.Commit(b.t.Context(), candidate, config.Author{User: "test"}, "", false); err != nil && !errors.Is(err, config.ErrNothing) {
		b.t.Fatal(err)
	}
}
