package smtp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	for in, want := range map[string]string{
		"NEVER": "NEVER", "never": "NEVER", "SUCCESS": "SUCCESS", "delay,Failure": "FAILURE,DELAY",
		"DELAY,SUCCESS,FAILURE": "SUCCESS,FAILURE,DELAY", "FAILURE,FAILURE": "FAILURE",
		"": "none", "NEVER,SUCCESS": "none", "FAILURE,NEVER": "none", "NEVER,NEVER": "none", "SUCCESS,": "none", ",SUCCESS": "none",
		"SUCCESS, DELAY": "none", "YES": "none", "SUCCESS;DELAY": "none", "ſUCCESS": "none",
	} {
		got, ok := parseNotify(in)
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("NOTIFY=%s is %q, want %q", in, got, want)
		}
	}
}

func TestEnvelopeID(t *testing.T) {
	for in, want := range map[string]string{
		"QQ314159": "QQ314159", "a+2Bb+3Dc": "a+b=c", "a+2bb": "a+b", "two+20words": "two words", strings.Repeat("x", 100): strings.Repeat("x", 100),
		strings.Repeat("x", 101): "none", "+": "none", "+4": "none", "+G0": "none", "+0D+0A": "none", "+7F": "none", "+E4": "none", "ä": "none",
		"+ 1": "none", "+-1": "none",
	} {
		got, ok := parseEnvID(in)
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("ENVID=%s is %q, want %q", in, got, want)
		}
	}
}

func TestOriginalRecipient(t *testing.T) {
	for in, want := range map[string]string{
		"rfc822;Bob@y.example":             "rfc822;Bob@y.example",
		"rfc822;bob+2Btag@y.example":       "rfc822;bob+tag@y.example",
		"X400;/C=de":                       "none", // an equals sign must be encoded
		"X400;/C+3Dde":                     "X400;/C=de",
		"rfc822;a;b":                       "rfc822;a;b",
		`utf-8;\x{FC}@y.example`:           "utf-8;ü@y.example",
		`UTF-8;ü\x{2B}\x{5C}@y.example`:    `UTF-8;ü+\@y.example`,
		"utf-8;\\x{10FFFF}a":               "utf-8;\U0010FFFFa",
		`utf-8;a+2Bb`:                      "none",
		`utf-8;\x{}`:                       "none",
		`utf-8;\x{D800}`:                   "none",
		`utf-8;\x{110000}`:                 "none",
		`utf-8;\x{0A}`:                     "none",
		`utf-8;\x{85}`:                     "none",
		`utf-8;\u{FC}`:                     "none",
		`utf-8;\x{FC`:                      "none",
		`utf-8;\`:                          "none",
		"utf-8;\uFFFD":                     "none",
		"rfc822;ü@y.example":               "none",
		"rfc822;+0Aa":                      "none",
		"rfc822;":                          "none",
		";a@b":                             "none",
		"rfc822":                           "none",
		"rfc 822;a":                        "none",
		"rfc.822;a":                        "none",
		"rfc822;" + longWord(493):          "rfc822;" + longWord(493),
		"rfc822;" + longWord(494):          "none",
		"utf-8;" + strings.Repeat("ü", 99): "none", // as every hop takes it, it is too long
	} {
		got, ok := parseORcpt(in)
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("ORCPT=%s is %q, want %q", in, got, want)
		}
	}
}

func longWord(n int) string { return strings.Repeat("x", n) }

// FuzzNotify holds that what was taken is sent on so that the next hop reads the same, and that it ends no line.
func FuzzNotify(f *testing.F) {
	f.Add("SUCCESS,DELAY", "rfc822;a+2Bb@c.example", "FULL", "id+201")
	f.Add("never", `utf-8;\x{FC}@ü.example`, "hdrs", "+3D")
	f.Fuzz(func(t *testing.T, notify, orcpt, ret, envID string) {
		r, refusal := parseRcpt("TO:<a@b> NOTIFY=" + notify + " ORCPT=" + orcpt)
		if refusal.Code == 0 {
			again, refusal := parseRcpt("TO:<a@b>" + r.params())
			if refusal.Code != 0 || again != r || len(r.params()) > len(" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=")+maxORcpt {
				t.Fatalf("%q %q: %+v is sent as %q, read as %+v %v", notify, orcpt, r, r.params(), again, refusal)
			}
			clean(t, r.params())
		}
		m, refusal := parseMail("FROM:<a@b> RET=" + ret + " ENVID=" + envID)
		if refusal.Code == 0 {
			params := notifyParams(m.Ret, m.EnvID)
			again, refusal := parseMail("FROM:<a@b>" + params)
			if refusal.Code != 0 || again != m {
				t.Fatalf("%q %q: %+v is sent as %q, read as %+v %v", ret, envID, m, params, again, refusal)
			}
			clean(t, params)
		}
		// What comes from elsewhere than our own server ends no line either.
		clean(t, Wishes{Notify: notify, ORcpt: orcpt}.params())
		clean(t, notifyParams(ret, envID))
	})
}

func clean(t *testing.T, params string) {
	t.Helper()
	for i := range len(params) {
		if c := params[i]; c < ' ' || c > '~' {
			t.Fatalf("%q is not printable ASCII", params)
		}
	}
}

// TestClientPassesWishesOn sends what a sender asked for to a peer that knows of it, pipelined or not, and to no other.
func TestClientPassesWishesOn(t *testing.T) {
	tx := Transaction{
		From: "a@x.example", To: []string{"b@y.example", "c@y.example", "d@y.example"}, Ret: "HDRS", EnvID: "one two",
		Wishes: []Wishes{{Notify: "SUCCESS,DELAY", ORcpt: "rfc822;b+1@x.example"}, {}, {Notify: "NEVER"}},
	}
	plain := "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\nRCPT TO:<d@y.example>\r\nDATA\r\n"
	full := "MAIL FROM:<a@x.example> RET=HDRS ENVID=one+20two\r\n" +
		"RCPT TO:<b@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2B1@x.example\r\nRCPT TO:<c@y.example>\r\n" +
		"RCPT TO:<d@y.example> NOTIFY=NEVER\r\nDATA\r\n"
	for _, test := range []struct{ offers, want string }{
		{"250-dsn\r\n", full}, {"250-DSN\r\n250-PIPELINING\r\n", full}, {"", plain}, {"250-PIPELINING\r\n", plain},
	} {
		steps := []scriptStep{{"", "220 peer\r\n"}, {"EHLO", "250-peer\r\n" + test.offers + "250 HELP\r\n"}}
		for line := range strings.Lines(test.want) {
			answer := "250 ok\r\n"
			if line == "DATA\r\n" {
				answer = "354 go\r\n"
			}
			steps = append(steps, scriptStep{line, answer})
		}
		c := playScript(t, append(steps, scriptStep{"x\r\n", ""}, scriptStep{".\r\n", "250 taken\r\n"}))
		greet(t, c)
		if receipt, err := c.Send(tx, content("x\r\n")); err != nil || !receipt.Accepted(2) {
			t.Errorf("%q: %+v, %v", test.offers, receipt, err)
		}
	}
}

// TestClientWritesManyRecipientsInTime sends more commands than the buffer holds long after the last deadline was set.
func TestClientWritesManyRecipientsInTime(t *testing.T) {
	here, there := net.Pipe()
	c := NewClient(t.Context(), here, "mail.example.com", DefaultTimeouts())
	tx := Transaction{From: "a@x.example"}
	for i := range 100 {
		tx.To = append(tx.To, fmt.Sprintf("%s%d@y.example", longWord(200), i))
	}
	c.offers = map[string]string{"PIPELINING": ""}
	here.SetWriteDeadline(time.Unix(1, 0))
	go func() {
		defer there.Close()
		peer := bufio.NewReader(there)
		for range len(tx.To) + 2 {
			peer.ReadString('\n')
		}
		io.WriteString(there, "421 enough\r\n")
	}()
	receipt, err := c.Send(tx, content("x\r\n"))
	if err != nil || receipt.Mail.Code != 421 {
		t.Errorf("%+v, %v", receipt.Mail, err)
	}
	c.Close()
}
