package syslog

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

var moment = time.Date(2026, 11, 29, 9, 5, 7, 1000, time.UTC)

func TestForms(t *testing.T) {
	l := line{moment, Info, "Info: MID 1 queued for delivery"}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Protocol: UDP, Facility: 2, Hostname: "mail.example.com", App: "mail_logs"},
			"<22>1 2026-11-29T09:05:07.000001Z mail.example.com mail_logs - - - Info: MID 1 queued for delivery"},
		{Options{Protocol: UDP, Old: true, Facility: 16, Hostname: "mail", App: "mail_logs"},
			"<134>Nov 29 09:05:07 mail mail_logs: Info: MID 1 queued for delivery"},
		{Options{Protocol: TCP, Lines: true, Old: true, Hostname: "m\u00fc \n", App: ""},
			"<6>Nov 29 09:05:07 m -: Info: MID 1 queued for delivery\n"},
		{Options{Protocol: TLS, Old: true, App: "a", Hostname: "m"},
			"55 <6>Nov 29 09:05:07 m a: Info: MID 1 queued for delivery"},
	} {
		if got := string(c.o.frame(nil, l)); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	long := Options{Protocol: UDP}
	if got := long.frame(nil, line{moment, Info, strings.Repeat("\u00fc", mostDatagram)}); len(got) > mostDatagram || !strings.HasSuffix(string(got), "\u00fc") {
		t.Errorf("%d bytes that end in %q", len(got), got[len(got)-2:])
	}
}

// octets reads the messages of a connection and hands on their texts.
func octets(conn net.Conn, to chan<- string) error {
	r := bufio.NewReader(conn)
	for {
		length, err := r.ReadString(' ')
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		_, text, _ := strings.Cut(string(b), "- - - ")
		to <- text
	}
}

// The server goes away while lines come, more than there is room for, and is back on the same address.
func TestServerIsAwayAndBack(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	p := New(Options{Protocol: TCP, Address: first.Addr().String(), App: "a", Hostname: "m", Queue: 40 * 100, Tell: func(s string) { told <- s }})
	defer p.Close()
	got := make(chan string, 1000)
	conn, err := first.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go octets(conn, got)
	p.Add(moment, Info, []byte("before"))
	if text := <-got; text != "before" {
		t.Fatalf("got %q", text)
	}
	first.Close()
	conn.Close()
	if text := <-told; !strings.Contains(text, "cannot be reached") {
		t.Fatalf("told %q", text)
	}
	for i := range 100 {
		p.Add(moment, Info, fmt.Appendf(nil, "line %d", i))
	}
	if s := p.Status(); s.Connected || s.Dropped == 0 || s.Queued == 0 || s.Fault == "" {
		t.Errorf("while away: %+v", s)
	}
	kept := p.Status().Queued
	second, err := net.Listen("tcp", first.Addr().String())
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer second.Close()
	if conn, err = second.Accept(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go octets(conn, got)
	for i := range kept {
		if text := <-got; text != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d: got %q", i, text)
		}
	}
	if text := <-told; !strings.Contains(text, "takes lines again") {
		t.Errorf("told %q", text)
	}
	for p.Status().Queued > 0 { // there is room once they are sent, which is after they arrived
		runtime.Gosched()
	}
	p.Add(moment, Info, []byte("after"))
	if text := <-got; text != fmt.Sprintf("Warning: %d lines were dropped because the server was away", 100-kept) {
		t.Errorf("got %q", text)
	}
	if text := <-got; text != "after" {
		t.Errorf("got %q", text)
	}
}

func TestUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := New(Options{Protocol: UDP, Address: server.LocalAddr().String(), App: "a", Hostname: "m"})
	p.Add(moment, Warning, []byte("one"))
	p.Add(moment, Info, []byte("two"))
	p.Close() // sends what is queued
	buf := make([]byte, 1000)
	for _, want := range []string{"<4>1 2026-11-29T09:05:07.000001Z m a - - - one", "<6>1 2026-11-29T09:05:07.000001Z m a - - - two"} {
		n, _, err := server.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("got %q, %v; want %q", buf[:n], err, want)
		}
	}
}

// Where nobody listens it is said once, however often a line is tried, and that lines are taken again only when they are.
func TestUDPRefused(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := server.LocalAddr().String()
	server.Close()
	told := make(chan string, 100)
	p := New(Options{Protocol: UDP, Address: address, App: "a", Hostname: "m", Tell: func(s string) { told <- s }})
	defer p.Close()
	p.Add(moment, Info, []byte("lost"))
	if text := <-told; !strings.Contains(text, "cannot be reached") || !strings.Contains(text, "refused") {
		t.Errorf("told %q", text)
	}
	p.Add(moment, Info, []byte("lost too"))
	for p.Status().Sent < 2 {
		runtime.Gosched()
	}
	if s := p.Status(); s.Connected || s.Fault == "" {
		t.Errorf("while nobody listens: %+v", s)
	}
	if server, err = net.ListenPacket("udp", address); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer server.Close()
	p.Add(moment, Info, []byte("taken"))
	if text := <-told; !strings.Contains(text, "takes lines again") {
		t.Errorf("told %q", text)
	}
	if s := p.Status(); !s.Connected || s.Fault != "" {
		t.Errorf("told, and the state is %+v", s)
	}
}

// A server that takes nothing holds up neither the lines nor the end.
func TestServerThatNeverReads(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := New(Options{Protocol: TCP, Address: server.Addr().String(), Queue: 20 << 20})
	text := []byte(strings.Repeat("x", 1<<20))
	for range 30 {
		p.Add(moment, Info, text)
	}
	if s := p.Status(); s.Dropped == 0 {
		t.Errorf("nothing dropped: %+v", s)
	}
	p.Close()
}
