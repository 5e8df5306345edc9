package openssl

import (
	"crypto/tls"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// namesOf is what a string leaves, both that can be spoken and that cannot.
func namesOf(l *List) []string {
	var names []string
	for _, c := range l.Entries {
		names = append(names, c.Name)
	}
	return names
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text        string
		suites      string
		unavailable string // one that is among them
		notes       string
	}{
		{"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "", ""},
		{"ECDHE+AESGCM", "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256", "", ""},
		{"ECDHE+AESGCM+aECDSA:!AES256", "ECDHE-ECDSA-AES128-GCM-SHA256", "", ""},
		{"AESGCM!ECDHE", "AES256-GCM-SHA384 AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", ""},
		{"AESGCM -ECDHE,ECDHE-RSA-AES128-GCM-SHA256;!kRSA", "ECDHE-RSA-AES128-GCM-SHA256", "ADH-AES256-GCM-SHA384", ""},
		{"!ECDHE:kRSA+AESGCM:ECDHE-RSA-AES128-GCM-SHA256", "AES256-GCM-SHA384 AES128-GCM-SHA256", "", ""},
		{"AES128-SHA:@STRENGTH:+kRSA", "AES128-SHA", "", "@STRENGTH: order not applied|+kRSA: order not applied"},
		{"AES128-SHA:MEDIUM", "AES128-SHA", "SEED-SHA", "RC4-SHA"},
		{"AES128-SHA:MEDIUM:!RC4:!3DES", "AES128-SHA", "IDEA-CBC-SHA", ""},
		{"RC4-SHA", "RC4-SHA", "", ""},
		{"MEDIUM:3DES+kRSA", "DES-CBC3-SHA", "RC4-MD5", "ECDHE-RSA-DES-CBC3-SHA"},
		{"EDH-RSA-DES-CBC3-SHA:AES128-SHA", "AES128-SHA", "DHE-RSA-DES-CBC3-SHA", ""},
		{"SUITEB128", "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256", "", ""},
		{"SUITEB192", "ECDHE-ECDSA-AES256-GCM-SHA384", "", ""},
		{"TLS_AES_128_GCM_SHA256:AES128-SHA", "AES128-SHA", "", "TLS_AES_128_GCM_SHA256: the suites of TLS 1.3 are fixed"},
		{"kRSA+AES:@SECLEVEL=2:!SHA256", "AES256-GCM-SHA384 AES128-GCM-SHA256 AES256-SHA AES128-SHA", "", "@SECLEVEL=2: applied"},
		{"DEFAULT:!kRSA:!ECDHE+SHA1:!ECDHE+SHA256:!AESGCM", "ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305", "DHE-RSA-CHACHA20-POLY1305", ""},
		{"AES128-SHA:SSLv2:EXP:LOW:kECDH", "AES128-SHA", "EXP-RC4-MD5", ""},
	} {
		l, err := Parse(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := strings.Join(namesOf(l), " "); got != tt.suites {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.suites)
		}
		if tt.unavailable != "" && !slices.Contains(l.Unavailable, tt.unavailable) {
			t.Errorf("%s: %s is not among the unavailable %v", tt.text, tt.unavailable, l.Unavailable)
		}
		for note := range strings.SplitSeq(tt.notes, "|") {
			if !strings.Contains(strings.Join(l.Notes, "|"), note) || tt.notes == "" && len(l.Notes) > 0 {
				t.Errorf("%s: notes %q, want %q", tt.text, l.Notes, note)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "a cipher string is needed",
		" : ":                          "a cipher string is needed",
		"HIGH:FOO":                     `unknown word "FOO"`,
		"high":                         "HIGH is known",
		"HIGH+":                        `a word is missing behind "HIGH+"`,
		"!":                            `a word is missing behind "!"`,
		"!!HIGH":                       `a word is missing behind "!"`,
		"HIGH/MEDIUM":                  "unknown character '/'",
		"HÖGH":                         "unknown character 'Ö'",
		"HIGH:DEFAULT":                 "DEFAULT can only be the first word",
		"!DEFAULT":                     "DEFAULT can only be the first word",
		"DEFAULTHIGH":                  `unknown word "DEFAULTHIGH"`,
		"HIGH:SUITEB128":               "SUITEB128 can only stand alone",
		"HIGH:@SPEED":                  `unknown word "@SPEED"`,
		"HIGH:@SECLEVEL=6":             `unknown security level "6"`,
		"HIGH:@SECLEVEL=":              `unknown security level ""`,
		"HIGH:!HIGH":                   "leaves no cipher suite",
		"kDHE+AESGCM":                  "not available are DHE-DSS-AES256-GCM-SHA384",
		"EXP":                          "not available are EXP-EDH-RSA-DES-CBC-SHA",
		"MEDIUM+ECDHE+aRSA":            "used only where they are named",
		"TLS_AES_128_GCM_SHA256":       "which are fixed",
		"HIGH:!TLS_AES_128_GCM_SHA256": "cannot be taken away",
		"HIGH+TLS_AES_128_GCM_SHA256":  "belongs to TLS 1.3",
		"AES128-SHA:@SECLEVEL=5":       "leaves no cipher suite",
		strings.Repeat("HIGH:", 3000):  "is too long",
	} {
		if l, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, %v, want %q", text, l, err, want)
		}
	}
}

// TestNothingIsDropped holds what is chosen and cannot be spoken to what crypto/tls speaks.
func TestNothingIsDropped(t *testing.T) {
	l, err := Parse("ALL:COMPLEMENTOFALL:RC4:3DES")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(l.Suites)+len(l.Unavailable), len(table()); got != want {
		t.Errorf("%d of %d suites", got, want)
	}
	slices.Sort(l.Suites)
	if want := slices.Sorted(slices.Values(spoken())); !slices.Equal(l.Suites, want) {
		t.Errorf("suites %x, crypto/tls has %x", l.Suites, want)
	}
}

// compared are strings for which this package and the machine's OpenSSL must agree.
var compared = []string{
	"ALL", "HIGH", "HIGH:-aNULL", "HIGH:MEDIUM:-aNULL", "DEFAULT", "DEFAULT:!kRSA", "COMPLEMENTOFDEFAULT:AES128-SHA", "ALL:COMPLEMENTOFALL", "FIPS", "FIPS:!aNULL",
	"kRSA", "aRSA", "RSA", "kECDHE", "kEECDH", "ECDH", "ECDHE", "EECDH", "kDHE:AES128-SHA", "kEDH:AES128-SHA", "DH:AES128-SHA", "DHE:AES128-SHA",
	"EDH:AES128-SHA", "ADH:AES128-SHA", "AECDH:AES128-SHA", "DSS:AES128-SHA", "aDSS:AES128-SHA", "aECDSA", "ECDSA", "PSK:AES128-SHA", "kPSK:AES128-SHA",
	"aPSK:AES128-SHA", "kRSAPSK:AES128-SHA", "kDHEPSK:AES128-SHA", "kECDHEPSK:AES128-SHA", "SRP:AES128-SHA", "aSRP:AES128-SHA",
	"AES", "AES128", "AES256", "AESGCM", "AESCCM:AES128-SHA", "AESCCM8:AES128-SHA", "CHACHA20", "CAMELLIA:AES128-SHA", "CAMELLIA128:AES128-SHA",
	"CAMELLIA256:AES128-SHA", "ARIA:AES128-SHA", "ARIA128:AES128-SHA", "ARIA256:AES128-SHA", "CBC", "SHA", "SHA1", "SHA256", "SHA384:AES128-SHA",
	"MD5:AES128-SHA", "eNULL:AES128-SHA", "NULL:AES128-SHA", "aNULL:AES128-SHA", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.2", "SUITEB128", "SUITEB192", "SUITEB128ONLY",
	"ECDHE+AESGCM", "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL", "kECDHE+aRSA+AES256", "HIGH:!aNULL:!kRSA", "HIGH:-kRSA:AES128-SHA", "HIGH:!kRSA:AES128-SHA",
	"ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH", "HIGH:+kRSA:!aNULL", "ECDHE-RSA-AES128-SHA256:AES256-SHA", "MEDIUM:HIGH:-SSLv3:-aNULL:@STRENGTH:-EXPORT",
	"DEFAULT:@STRENGTH", "DEFAULT@STRENGTH", "AES128-SHA,AES256-SHA;ECDHE", "AES+SHA256", "ALL:!TLSv1.2", "ALL:-TLSv1:+HIGH", "HIGH!kRSA", "AES256-SHA:HIGH:!AES256",
	"EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305",
	"HIGH:!DSS:!aNULL@STRENGTH", "ALL+aECDSA+SHA1", "HIGH:!SHA1:!SHA256:!SHA384", "TLSv1.2+kRSA:!AESCCM", "COMPLEMENTOFALL:AES128-SHA",
}

// leveled are strings with a security level, whose effect OpenSSL only shows with -s.
var leveled = []string{
	"HIGH:@SECLEVEL=0", "HIGH:@SECLEVEL=1", "HIGH:@SECLEVEL=2", "HIGH:@SECLEVEL=3", "HIGH:@SECLEVEL=4", "HIGH:@SECLEVEL=5", "ALL:@SECLEVEL=3:!AES128", "aNULL:AES128-SHA:@SECLEVEL=1",
}

func TestAgreesWithOpenSSL(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	if out, _ := exec.Command(program, "version").Output(); !strings.HasPrefix(string(out), "OpenSSL 3.") {
		t.Skipf("the strings are compared with OpenSSL 3, this is %s", out)
	}
	for _, text := range compared {
		compare(t, text, program, "ciphers", "-v", text)
	}
	for _, text := range leveled {
		compare(t, text, program, "ciphers", "-s", "-v", text)
	}
}

// compare holds the suites of a string, and every line that both print, to OpenSSL's.
func compare(t *testing.T, text, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Errorf("%s: openssl: %v", text, err)
		return
	}
	theirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		theirs[fields[0]] = strings.Join(fields, " ")
	}
	l, err := Parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	ours := map[uint16]bool{}
	for _, c := range l.Entries {
		ours[c.ID] = true
		if theirs[c.Name] != c.String() {
			t.Errorf("%s: we have %q, OpenSSL %q", text, c, theirs[c.Name])
		}
	}
	missing := map[string]bool{}
	for _, name := range l.Unavailable {
		missing[name] = true
	}
	for _, c := range table() {
		if theirs[c.Name] != "" && !ours[c.ID] && !missing[c.Name] && args[1] != "-s" {
			t.Errorf("%s: OpenSSL has %s, we neither have it nor say that it is missing", text, c.Name)
		}
		if theirs[c.Name] != "" && c.Available() && !ours[c.ID] {
			t.Errorf("%s: OpenSSL has %s", text, c.Name)
		}
	}
}

func TestTable(t *testing.T) {
	ids, names := map[uint16]string{}, map[string]bool{}
	for _, c := range table() {
		if ids[c.ID] != "" || names[c.Name] {
			t.Errorf("%04x %s is there twice", c.ID, c.Name)
		}
		ids[c.ID], names[c.Name] = c.Name, true
		if _, ok := words[c.Name]; ok {
			t.Errorf("%s is a word as well", c.Name)
		}
		if strings.Contains(c.String(), "= ") || c.Strength() == "" {
			t.Errorf("%s lacks a property", c)
		}
	}
	for _, id := range spoken() {
		if ids[id] == "" {
			t.Errorf("crypto/tls has %s, the table has not", tls.CipherSuiteName(id))
		}
	}
}

func TestNames(t *testing.T) {
	for id, want := range map[uint16]string{
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA:         "DES-CBC3-SHA",
		tls.TLS_AES_128_GCM_SHA256:                "TLS_AES_128_GCM_SHA256",
		0x0018:                                    "ADH-RC4-MD5",
		0xfafa:                                    "0xFAFA",
	} {
		if got := CipherName(id); got != want {
			t.Errorf("%04x is %s, want %s", id, got, want)
		}
	}
	for version, want := range map[uint16]string{0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3", 0x0300: "SSLv3", 0x7f12: "0x7F12"} {
		if got := ProtocolName(version); got != want {
			t.Errorf("%04x is %s, want %s", version, got, want)
		}
	}
	if c, _ := Lookup(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384); c.String() != "ECDHE-RSA-AES256-GCM-SHA384 TLSv1.2 Kx=ECDH Au=RSA Enc=AESGCM(256) Mac=AEAD" {
		t.Errorf("it prints as %s", c)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string][2]uint16{
		"tlsv1_2 tlsv1_3":                 {tls.VersionTLS12, tls.VersionTLS13},
		"tlsv1_0":                         {tls.VersionTLS10, tls.VersionTLS10},
		"tlsv1_0 tlsv1_1 tlsv1_2 tlsv1_3": {tls.VersionTLS10, tls.VersionTLS13},
		"":                                {},
		"tlsv1_0 tlsv1_2":                 {},
		"tlsv1_3 tlsv1_2":                 {},
		"sslv3":                           {},
	} {
		least, most, err := Versions(strings.Fields(text))
		if [2]uint16{least, most} != want || (err == nil) != (want[0] != 0) {
			t.Errorf("%q: %x to %x, %v", text, least, most, err)
		}
	}
}

func TestCompile(t *testing.T) {
	least, most, suites, err := Compile([]string{"tlsv1_2"}, "AES128-SHA")
	if err != nil || least != tls.VersionTLS12 || most != tls.VersionTLS12 || !slices.Equal(suites, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}) {
		t.Errorf("%x %x %x %v", least, most, suites, err)
	}
	for _, wrong := range [][2]string{{"tlsv1_4", "HIGH"}, {"tlsv1_2", "FOO"}, {"tlsv1_1", "AESGCM"}} {
		if _, _, suites, err := Compile([]string{wrong[0]}, wrong[1]); err == nil || suites != nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range append(compared, leveled...) {
		f.Add(text)
	}
	f.Add("DEFAULT+HIGH:!!:@SECLEVEL=9 TLS_AES_128_GCM_SHA256")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			if l != nil || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q: %v, %q", text, l, err)
			}
			return
		}
		if len(l.Suites) == 0 || len(l.Suites) != len(l.Entries) {
			t.Errorf("%q leaves %v", text, l.Suites)
		}
		// What is left, named suite by suite, leaves the same.
		again, err := Parse(strings.Join(namesOf(l), ":"))
		if err != nil || !slices.Equal(again.Suites, l.Suites) || len(again.Unavailable) > 0 {
			t.Errorf("%q: its own list reads as %v, %v", text, again, err)
		}
	})
}
