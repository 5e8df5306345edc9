package testscripts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// webVerb is "web NAME": the files of $WORK/NAME over HTTP at $NAME, as they are at the time they are asked for.
func webVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: web NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	server := &http.Server{Handler: http.FileServer(http.Dir(ts.MkAbs(args[0])))}
	ended := make(chan struct{})
	go func() { server.Serve(l); close(ended) }()
	ts.Defer(func() { server.Close(); <-ended })
	ts.Setenv(args[0], "http://"+l.Addr().String())
}

// clearMarks are what a private key or the hash of a password in clear begins with.
var clearMarks = [][]byte{[]byte("PRIVATE KEY"), []byte("$argon2"), []byte("openssh-key-v1")}

// hiddenVerb is "hidden PATH [KEY]...": no file at PATH or below it has a private key or the hash of a password in clear,
// and none has the key of KEY in any usual writing. "! hidden PATH" is that one has.
func hiddenVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: hidden PATH [KEY]...")
	}
	marks := clearMarks
	for _, name := range args[1:] {
		marks = append(marks, writings(ts, name)...)
	}
	seen, found := 0, ""
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		seen++
		for _, mark := range marks {
			if bytes.Contains(data, mark) {
				found = path
			}
		}
		return err
	}))
	switch {
	case seen == 0:
		ts.Fatalf("there is no file at %s", args[0])
	case (found == "") == neg:
		ts.Fatalf("%d files at %s; in clear: %q", seen, args[0], found)
	}
}

// writings are the ways in which the elliptic key of a PEM file may stand somewhere.
func writings(ts *testscript.TestScript, name string) (all [][]byte) {
	block, _ := pem.Decode([]byte(ts.ReadFile(name)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	ts.Check(err)
	secret, err := key.(*ecdsa.PrivateKey).Bytes()
	ts.Check(err)
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(name)), "\n")
	return [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(lines[1]), []byte(lines[2])}
}

// listedVerb is "listed NAME PROFILE KEY VALUE": certconfig list --json says so of the profile. With a ! it does not.
func listedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: listed NAME PROFILE KEY VALUE")
	}
	out, err := onAppliance(ts, args[0], "certconfig list --json")
	ts.Check(err)
	var list struct{ Certificates []map[string]json.RawMessage }
	ts.Check(json.Unmarshal(out, &list))
	for _, c := range list.Certificates {
		if string(c["name"]) != `"`+args[1]+`"` {
			continue
		}
		if got := strings.Trim(string(c[args[2]]), `"`); (got == args[3]) == neg {
			ts.Fatalf("%s of profile %s is %s", args[2], args[1], got)
		}
		return
	}
	ts.Fatalf("there is no profile %s", args[1])
}

// berVerb is "ber FILE NEW": NEW is FILE with its outermost length left open, as BER has it and DER does not.
func berVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ber FILE NEW")
	}
	var whole asn1.RawValue
	_, err := asn1.Unmarshal([]byte(ts.ReadFile(args[0])), &whole)
	ts.Check(err)
	open := append([]byte{0x30, 0x80}, whole.Bytes...)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), append(open, 0, 0), 0o600))
}

// fingerprintVerb is "fingerprint FILE NAME": $NAME is the SHA-256 of the first certificate in FILE as the appliance writes it.
func fingerprintVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fingerprint FILE NAME")
	}
	text := run(ts, "openssl", "x509", "-in", ts.MkAbs(args[0]), "-noout", "-fingerprint", "-sha256")
	_, sum, _ := strings.Cut(strings.TrimSpace(text), "=")
	ts.Setenv(args[1], sum)
}

// staleVerb is "stale NAME SOURCE": wait until certconfig crl print says that a revocation list is out of date.
func staleVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: stale NAME SOURCE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var report struct {
		Sources []struct {
			Name  string
			Stale bool
		}
	}
	err := poll(ctx, func() bool {
		out, err := onAppliance(ts, args[0], "certconfig crl print --json")
		ts.Check(err)
		ts.Check(json.Unmarshal(out, &report))
		for _, s := range report.Sources {
			if s.Name == args[1] {
				return s.Stale
			}
		}
		return false
	})
	if err != nil {
		ts.Fatalf("the list of %s does not become stale: %+v", args[1], report)
	}
}

// typedVerb is "typed FILE NEW": NEW are the words for terminal that type the lines of FILE.
func typedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: typed FILE NEW")
	}
	var out strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		out.WriteString("type " + line)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o600))
}
