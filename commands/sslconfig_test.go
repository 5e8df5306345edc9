package commands

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
)

// The dialogue is that of the transcript, prompt for prompt.
func TestSSLConfigDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "sslconfig", "inbound", "", "HIGH:-aNULL", "verify", "HIGH:-aNULL", "", "commit -y", "exit")
	contains(t, out, `
sslconfig settings:
  GUI HTTPS method:  tlsv1_2 tlsv1_3
  GUI HTTPS ciphers:
        HIGH
        -aNULL
  Inbound SMTP method:  tlsv1_2 tlsv1_3
  Inbound SMTP ciphers:
        HIGH
        MEDIUM
        -aNULL
  Outbound SMTP method:  tlsv1_2 tlsv1_3
  Outbound SMTP ciphers:
        HIGH
        MEDIUM
        -aNULL

Choose the operation you want to perform:
- GUI - Edit GUI HTTPS ssl settings.
- INBOUND - Edit Inbound SMTP ssl settings.
- OUTBOUND - Edit Outbound SMTP ssl settings.
- VERIFY - Verify and show ssl cipher list.
[]> 
Enter the inbound SMTP ssl method you want to use.
1. TLS v1.0
2. TLS v1.1
3. TLS v1.2
4. TLS v1.3
[3-4]> 
Enter the inbound SMTP ssl cipher you want to use.
[HIGH:MEDIUM:-aNULL]> `, "cipher suites that it chooses are not available; VERIFY names them.", `  Inbound SMTP ciphers:
        HIGH
        -aNULL
`, `Enter the ssl cipher you want to verify.
[]> 
`, "ECDHE-RSA-AES256-GCM-SHA384 TLSv1.2 Kx=ECDH Au=RSA Enc=AESGCM(256) Mac=AEAD\n",
		"DHE-RSA-AES256-GCM-SHA384 TLSv1.2 Kx=DH Au=RSA Enc=AESGCM(256) Mac=AEAD not available\n",
		"TLS v1.3 always has its own: TLS_AES_256_GCM_SHA384", "Changes committed")
	if got := b.running().SSL.Inbound; got.Ciphers != "HIGH:-aNULL" || !slices.Equal(got.Methods, []string{"tlsv1_2", "tlsv1_3"}) {
		t.Errorf("inbound %+v", got)
	}

	again := newBench(t)
	again.exec(0, "sslconfig inbound 3-4 HIGH:-aNULL; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

// What a setting does not do is said when it is made, not where nothing changes.
func TestSSLConfigNotesChangesOnly(t *testing.T) {
	b := newBench(t)
	const set = "sslconfig inbound 1-4 HIGH:MEDIUM:+kRSA"
	contains(t, b.exec(0, set+"; commit -y", ""), "Note: ")
	if out := b.exec(0, set, "") + b.script(0, "sslconfig", "inbound", "", "", ""); strings.Contains(out, "Note: ") {
		t.Errorf("nothing changed, and yet:\n%s", out)
	}
	contains(t, b.exec(0, "sslconfig inbound 2-4 HIGH:MEDIUM:+kRSA; clearchanges -y", ""), "Note: ")
}

func TestSSLConfigBatch(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, "sslconfig gui 1-3 ALL:+kRSA:@STRENGTH; sslconfig outbound tlsv1_3,tlsv1_2 HIGH:MEDIUM; commit -y", ""),
		"Note: +kRSA: order not applied.", "Note: @STRENGTH: order not applied.", "used only where RC4, 3DES", "are not available", "TLS v1.0 and v1.1 protect badly",
		"RC4-SHA")
	ssl := b.running().SSL
	if got := strings.Join(ssl.GUI.Methods, " "); got != "tlsv1_0 tlsv1_1 tlsv1_2" {
		t.Errorf("gui methods %s", got)
	}
	if got := strings.Join(ssl.Outbound.Methods, " "); got != "tlsv1_2 tlsv1_3" || ssl.Outbound.Ciphers != "HIGH:MEDIUM" {
		t.Errorf("outbound %+v", ssl.Outbound)
	}
	contains(t, b.exec(0, "sslconfig inbound 4 AES128-SHA; clearchanges -y", ""), "Note: with TLS v1.3 alone the ciphers have no effect")
	contains(t, b.exec(0, "sslconfig show", ""), "  GUI HTTPS method:  tlsv1_0 tlsv1_1 tlsv1_2\n", "        @STRENGTH\n")
}

func TestSSLConfigJSON(t *testing.T) {
	b := newBench(t)
	var shown struct{ Inbound config.SSLService }
	if err := json.Unmarshal([]byte(b.exec(0, "sslconfig --json", "")), &shown); err != nil || shown.Inbound.Ciphers != "HIGH:MEDIUM:-aNULL" {
		t.Errorf("%+v, %v", shown, err)
	}
	var verified struct {
		Suites       []struct{ Name, Kx, Au, Enc, Mac, Protocol, Strength string }
		NotAvailable []string `json:"not_available"`
		Notes        []string
		TLS13        []string `json:"tls1_3"`
	}
	if err := json.Unmarshal([]byte(b.exec(0, "sslconfig verify AES128-SHA:DHE-RSA-AES128-SHA --json", "")), &verified); err != nil {
		t.Fatal(err)
	}
	if len(verified.Suites) != 1 || verified.Suites[0].Enc != "AES(128)" || verified.Suites[0].Strength != "HIGH" ||
		!slices.Equal(verified.NotAvailable, []string{"DHE-RSA-AES128-SHA"}) || verified.Notes == nil || len(verified.TLS13) != 3 {
		t.Errorf("%+v", verified)
	}
}

func TestSSLConfigRefusals(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string]string{
		"sslconfig inbound 1,3 HIGH":           `Invalid ssl method "1,3": methods must be next to each other`,
		"sslconfig inbound 5 HIGH":             `Invalid ssl method "5": a number from 1 to 4`,
		"sslconfig inbound 4-3 HIGH":           `Invalid ssl method "4-3"`,
		"sslconfig inbound tlsv1_4 HIGH":       `Invalid ssl method "tlsv1_4"`,
		"sslconfig inbound \"\" HIGH":          `Invalid ssl method ""`,
		"sslconfig inbound 3-4 HIGH:STRONGEST": `Invalid ssl cipher "HIGH:STRONGEST": unknown word "STRONGEST"`,
		"sslconfig inbound 3-4 kDHE+AESGCM":    "leaves nothing that can be spoken here",
		"sslconfig inbound 1-2 AESGCM":         "leaves nothing that a version before TLS 1.2 knows",
		"sslconfig inbound 3-4":                "sslconfig inbound METHODS CIPHERS",
		"sslconfig smtp 3-4 HIGH":              `"smtp"`,
		"sslconfig verify":                     "sslconfig verify CIPHERS",
		"sslconfig verify high":                "HIGH is known",
	} {
		b.fails(line, "", want)
	}
	b.fails("sslconfig", "inbound\n1 and 3\n", "Invalid ssl method")
	b.fails("sslconfig", "gui\n3\nHIGH:!HIGH\n", "leaves no cipher suite")
}

func TestReadMethods(t *testing.T) {
	for answer, want := range map[string]string{
		"3-4": "3-4", "3,4": "3-4", "4 3": "3-4", "1-2,3-4": "1-4", "3": "3", "TLS v1.2": "3", "TLS v1.2, TLS v1.3": "3-4",
		"tlsv1_2-tlsv1_3": "3-4", "tlsv1.2": "3", "tlsv1_0 tlsv1_1": "1-2",
	} {
		methods, err := readMethods(answer)
		if got := methodRange(methods); err != nil || got != want {
			t.Errorf("%q is read as %s, %v, want %s", answer, got, err, want)
		}
	}
}
