package tlspolicy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"
)

// daneChain is a root, an intermediate and a leaf for mx.signed.example.
func daneChain(t testing.TB, change ...func(leaf *x509.Certificate)) (leaf, mid, root *x509.Certificate) {
	t.Helper()
	now := time.Now()
	sign := func(template *x509.Certificate, parent *x509.Certificate, by any) (*x509.Certificate, any) {
		key := ecKey(t)
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	root, rootKey := sign(authority("DANE Root"), nil, nil)
	mid, midKey := sign(authority("DANE Issuing CA"), root, rootKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail"}, DNSNames: []string{"mx.signed.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, f := range change {
		f(template)
	}
	leaf, _ = sign(template, mid, midKey)
	return leaf, mid, root
}

func hasEnded(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func notForServers(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

func TestMatchTLSA(t *testing.T) {
	leaf, mid, root := daneChain(t)
	old, oldMid, oldRoot := daneChain(t, hasEnded)
	client, clientMid, _ := daneChain(t, notForServers)
	stranger, _, strangerRoot := daneChain(t)
	full := []*x509.Certificate{leaf, mid, root}
	oldChain := []*x509.Certificate{old, oldMid, oldRoot}
	names, others := []string{"mx.signed.example"}, []string{"other.example", "signed.example"}
	damaged := TLSAOf(leaf, 3, 1, 1)
	damaged.Data = damaged.Data[:31]
	forged := TLSAOf(leaf, 3, 1, 2)
	forged.Data = bytes.Repeat([]byte{7}, 64)
	var every []testMatch
	for selector := range uint8(2) {
		for matching := range uint8(3) {
			every = append(every,
				testMatch{"leaf", []TLSA{TLSAOf(leaf, 3, selector, matching)}, full, names, 0, "mail"},
				testMatch{"leaf alone, expired, for another name", []TLSA{TLSAOf(old, 3, selector, matching)}, oldChain[:1], others, 0, "mail"},
				testMatch{"another leaf", []TLSA{TLSAOf(stranger, 3, selector, matching)}, full, names, -1, "no TLSA record matches"},
				testMatch{"an authority as leaf", []TLSA{TLSAOf(mid, 3, selector, matching)}, full, names, -1, "no TLSA record matches"},
				testMatch{"issuing authority", []TLSA{TLSAOf(mid, 2, selector, matching)}, full, names, 0, "DANE Issuing CA"},
				testMatch{"an authority's record that names the leaf", []TLSA{TLSAOf(leaf, 2, selector, matching)}, full, names, -1, "no TLSA record matches"},
				testMatch{"root", []TLSA{TLSAOf(root, 2, selector, matching)}, full, names, 0, "DANE Root"},
				testMatch{"root, the certificates in disorder", []TLSA{TLSAOf(root, 2, selector, matching)}, []*x509.Certificate{leaf, root, mid}, names, 0, "DANE Root"},
				testMatch{"a strange root beside the chain", []TLSA{TLSAOf(strangerRoot, 2, selector, matching)}, append(full[:3:3], strangerRoot), names, -1, "but"},
				testMatch{"authority, another name", []TLSA{TLSAOf(mid, 2, selector, matching)}, full, others, -1, "wanted other.example or signed.example, found mx.signed.example"},
				testMatch{"authority, no name", []TLSA{TLSAOf(mid, 2, selector, matching)}, full, nil, -1, "the names do not match"},
				testMatch{"authority, expired", []TLSA{TLSAOf(oldRoot, 2, selector, matching)}, oldChain, names, -1, "expired"},
				testMatch{"authority, not for servers", []TLSA{TLSAOf(clientMid, 2, selector, matching)}, []*x509.Certificate{client, clientMid}, names, -1, "usage"},
				testMatch{"the intermediate is missing", []TLSA{TLSAOf(root, 2, selector, matching)}, []*x509.Certificate{leaf, root}, names, -1, "but"},
				testMatch{"usage 0", []TLSA{TLSAOf(root, 0, selector, matching)}, full, names, -1, "none of 1 TLSA records can be used"},
				testMatch{"usage 1", []TLSA{TLSAOf(leaf, 1, selector, matching)}, full, names, -1, "none of 1 TLSA records can be used"},
			)
		}
	}
	tests := append(every,
		testMatch{"no certificate", []TLSA{TLSAOf(leaf, 3, 1, 1)}, nil, names, -1, "no certificate"},
		testMatch{"no record", nil, full, names, -1, "none of 0"},
		testMatch{"rollover: next and present", []TLSA{TLSAOf(stranger, 3, 1, 1), TLSAOf(leaf, 3, 1, 1)}, full, names, 1, ""},
		testMatch{"rollover: of another kind", []TLSA{TLSAOf(strangerRoot, 2, 0, 1), TLSAOf(leaf, 3, 1, 1)}, full, others, 1, ""},
		testMatch{"the leaf's record before an authority's", []TLSA{TLSAOf(mid, 2, 0, 1), TLSAOf(leaf, 3, 1, 1)}, full, names, 1, ""},
		testMatch{"a damaged digest beside a good one", []TLSA{damaged, TLSAOf(leaf, 3, 1, 1)}, full, names, 1, ""},
		testMatch{"a damaged digest", []TLSA{damaged}, full, names, -1, "none of 1"},
		testMatch{"unknown selector and matching", []TLSA{{3, 2, 1, make([]byte, 32)}, {3, 1, 3, make([]byte, 32)}, {255, 255, 255, nil}}, full, names, -1, "none of 3"},
		testMatch{"the stronger digest decides", []TLSA{TLSAOf(leaf, 3, 1, 1), forged}, full, names, -1, "of 1 that can be used"},
		testMatch{"another selector is another matter", []TLSA{TLSAOf(leaf, 3, 0, 1), forged}, full, names, 0, ""},
		testMatch{"whole data is always looked at", []TLSA{TLSAOf(leaf, 3, 1, 0), forged}, full, names, 0, ""},
		testMatch{"an unusable stronger digest does not count", []TLSA{TLSAOf(leaf, 3, 1, 1), {3, 1, 2, []byte("short")}}, full, names, 0, ""},
		// An authority whose certificate or bare key stands in the record need not be sent (RFC 7671 §5.2).
		testMatch{"bare key of the issuer, not sent", []TLSA{TLSAOf(mid, 2, 1, 0)}, full[:1], names, 0, "the key of"},
		testMatch{"bare key of the root, not sent", []TLSA{TLSAOf(root, 2, 1, 0)}, full[:2], names, 0, "the key of"},
		testMatch{"bare key, not sent, another name", []TLSA{TLSAOf(mid, 2, 1, 0)}, full[:1], others, -1, "the names do not match"},
		testMatch{"bare key, not sent, expired", []TLSA{TLSAOf(oldMid, 2, 1, 0)}, oldChain[:1], names, -1, "expired"},
		testMatch{"bare key, not sent, not for servers", []TLSA{TLSAOf(clientMid, 2, 1, 0)}, []*x509.Certificate{client}, names, -1, "usage"},
		testMatch{"bare key of a stranger", []TLSA{TLSAOf(strangerRoot, 2, 1, 0)}, full, names, -1, "no TLSA record matches"},
		testMatch{"whole certificate of the root, not sent", []TLSA{TLSAOf(root, 2, 0, 0)}, full[:2], names, 0, "DANE Root"},
		testMatch{"whole certificate of a stranger", []TLSA{TLSAOf(strangerRoot, 2, 0, 0)}, full, names, -1, "but"},
		testMatch{"digest of the root, not sent", []TLSA{TLSAOf(root, 2, 0, 1)}, full[:2], names, -1, "no TLSA record matches"},
		testMatch{"nonsense as key", []TLSA{{2, 1, 0, []byte("nonsense")}, {3, 0, 0, []byte{0x30}}}, full, names, -1, "none of 2"},
	)
	for _, test := range tests {
		matched, why := MatchTLSA(test.records, test.chain, time.Now(), test.names)
		if test.want < 0 && matched != nil || test.want >= 0 && (matched == nil || matched.String() != test.records[test.want].String()) {
			t.Errorf("%s: matched %v (%s), want record %d", test.what, matched, why, test.want)
		}
		if !strings.Contains(why, test.why) {
			t.Errorf("%s: %q does not say %q", test.what, why, test.why)
		}
	}
}

type testMatch struct {
	what    string
	records []TLSA
	chain   []*x509.Certificate
	names   []string
	want    int // the record; -1 is none
	why     string
}

func TestTLSAOf(t *testing.T) {
	leaf, _, _ := daneChain(t)
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	record := TLSAOf(leaf, 3, 1, 1)
	if want := "3 1 1 " + hex.EncodeToString(sum[:]); record.String() != want {
		t.Errorf("%s, want %s", record, want)
	}
	whole := TLSAOf(leaf, 2, 0, 0)
	if whole.String() != "2 0 0 "+hex.EncodeToString(leaf.Raw) || len(whole.name()) > 60 {
		t.Errorf("%s, %s", whole, whole.name())
	}
}

// FuzzMatchTLSA takes any records: none of them may prove a chain that it does not name, nor bring anything down.
func FuzzMatchTLSA(f *testing.F) {
	leaf, mid, root := daneChain(f)
	for _, r := range []TLSA{TLSAOf(leaf, 3, 1, 1), TLSAOf(mid, 2, 0, 2), TLSAOf(root, 2, 1, 0), TLSAOf(root, 2, 0, 0)} {
		f.Add(r.Usage, r.Selector, r.Matching, r.Data)
	}
	chain := []*x509.Certificate{leaf, mid}
	now := time.Now()
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte) {
		r := TLSA{usage, selector, matching, data}
		matched, why := MatchTLSA([]TLSA{r}, chain, now, []string{"mx.signed.example"})
		if why == "" || !r.Usable() && matched != nil {
			t.Errorf("%s: %v, %q", r.name(), matched, why)
		}
		if matched == nil {
			return
		}
		for _, c := range []*x509.Certificate{leaf, mid, root} {
			if bytes.Equal(TLSAOf(c, usage, selector, matching).Data, data) {
				return
			}
		}
		// A damaged copy of the root with the root's own key is the only other way.
		if c, err := x509.ParseCertificate(data); err == nil && mid.CheckSignatureFrom(c) == nil {
			return
		}
		t.Errorf("%s matches the chain: %s", r, why)
	})
}
