package inbound

import (
	"net"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"posthouse/mta/spool"
)

// TestWishesReachTheSpool has an independent client ask for notifications: they stand in the envelope, decoded.
func TestWishesReachTheSpool(t *testing.T) {
	r := newRig(t, nil)
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	c := gosmtp.NewClient(conn)
	defer c.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Hello("client.example"))
	if ok, _ := c.Extension("DSN"); !ok {
		t.Error("DSN is not offered")
	}
	must(c.Mail("a@b.example", &gosmtp.MailOptions{Return: gosmtp.DSNReturnHeaders, EnvelopeID: "e=mc2 +1", UTF8: true}))
	must(c.Rcpt("one@example.com", &gosmtp.RcptOptions{
		Notify: []gosmtp.DSNNotify{gosmtp.DSNNotifyDelayed, gosmtp.DSNNotifySuccess}, OriginalRecipientType: gosmtp.DSNAddressTypeUTF8, OriginalRecipient: "ü+1@list.example",
	}))
	must(c.Rcpt("two@example.com", &gosmtp.RcptOptions{
		Notify: []gosmtp.DSNNotify{gosmtp.DSNNotifyNever}, OriginalRecipientType: gosmtp.DSNAddressTypeRFC822, OriginalRecipient: "two+x@list.example",
	}))
	must(c.Rcpt("three@example.com", nil))
	w, err := c.Data()
	must(err)
	w.Write([]byte("Subject: x\r\n\r\nx\r\n"))
	must(w.Close())
	must(c.Quit())
	r.mu.Lock()
	defer r.mu.Unlock()
	env := r.accepted[0].Envelope
	if env.Ret != "HDRS" || env.EnvID != "e=mc2 +1" {
		t.Errorf("RET %q ENVID %q", env.Ret, env.EnvID)
	}
	want := []spool.Recipient{
		{RID: 0, Address: "one@example.com", Notify: "SUCCESS,DELAY", ORcpt: "UTF-8;ü+1@list.example"},
		{RID: 1, Address: "two@example.com", Notify: "NEVER", ORcpt: "RFC822;two+x@list.example"},
		{RID: 2, Address: "three@example.com"},
	}
	for i, got := range env.Recipients {
		if got != want[i] {
			t.Errorf("recipient %+v, want %+v", got, want[i])
		}
	}
}

// TestMalformedWishes are refused one by one, and the transaction goes on without them.
func TestMalformedWishes(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<a@b.example> RET=SOME", "501 5.5.2 syntax error in parameter RET")
	c.say("MAIL FROM:<a@b.example> ENVID=+0A", "501 5.5.2 syntax error in parameter ENVID")
	c.say("MAIL FROM:<a@b.example> ENVID="+strings.Repeat("x", 101), "501 5.5.2 syntax error in parameter ENVID")
	c.say("MAIL FROM:<a@b.example> RET=FULL ENVID=1", "250")
	c.say("RCPT TO:<a@example.com> NOTIFY=NEVER,FAILURE", "501 5.5.2 syntax error in parameter NOTIFY")
	c.say("RCPT TO:<a@example.com> ORCPT=a@example.com", "501 5.5.2 syntax error in parameter ORCPT")
	c.quit()
}

// TestTheFirstWishesCount: whoever is named twice is one recipient, and the first command says what is wanted.
func TestTheFirstWishesCount(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<joe@example.com> NOTIFY=NEVER", "250")
	c.say("RCPT TO:<joe@EXAMPLE.com> NOTIFY=SUCCESS", "250")
	c.say("DATA", "354")
	c.say("\r\n.", "250")
	c.quit()
	r.mu.Lock()
	defer r.mu.Unlock()
	if to := r.accepted[0].Recipients; len(to) != 1 || to[0].Notify != "NEVER" {
		t.Errorf("recipients %+v", to)
	}
}
