package testscripts

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	wire "encoding/binary"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// enrolVerb is "enrol NAME USER": set up USER's second factor at NAME as an application would, and keep the secret for code.
func enrolVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: enrol NAME USER")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ssh := exec.CommandContext(ctx, ts.MkAbs("bin/ssh"), args[0], "userconfig twofactor "+args[1]+" on; commit -y")
	in, err := ssh.StdinPipe()
	ts.Check(err)
	out, err := ssh.StdoutPipe()
	ts.Check(err)
	ts.Check(ssh.Start())
	var seen strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if secret, ok := strings.CutPrefix(lines.Text(), "Secret: "); ok {
			ts.Setenv("SECRET_"+args[1], secret)
			fmt.Fprintln(in, codeOf(ts, secret, 0))
		}
	}
	if err := ssh.Wait(); err != nil {
		ts.Fatalf("enrol %s: %v\n%s", args[1], err, &seen)
	}
}

// codeVerb is "code USER FILE": every CODE in FILE becomes the code that USER's application shows next. That one is taken
// from the moment of enrol on, whatever the clock does between them.
func codeVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: code USER FILE")
	}
	replaceVerb(ts, false, []string{args[1], "CODE", codeOf(ts, ts.Getenv("SECRET_"+args[0]), 1)})
}

// codeOf works out a code on its own (RFC 6238), so many steps from now.
func codeOf(ts *testscript.TestScript, secret string, steps int64) string {
	key, err := base32.StdEncoding.DecodeString(secret)
	ts.Check(err)
	mac := hmac.New(sha1.New, key)
	ts.Check(wire.Write(mac, wire.BigEndian, time.Now().Unix()/30+steps))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", wire.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}
