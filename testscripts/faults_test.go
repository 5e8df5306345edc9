package testscripts

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fault is how a peer differs from a server that takes everything. The zero value offers STARTTLS and answers the
// handshake in plain text.
type fault struct {
	banner  string            // in place of the usual one; dropped and silent as replies
	replies map[string]string // to a command, in place of the usual ones
	late    map[string]string // the same under TLS
	offers  []string          // EHLO keywords; nil: STARTTLS
	shake   shake             // what happens after the 220 to STARTTLS
}

// Replies that are none.
const (
	severed = "severed" // the connection ends with RST
	silent  = "silent"  // nothing is ever said
)

// shake is one end of a handshake. It returns the encrypted connection, or nil where the peer has had enough.
type shake func(net.Conn) net.Conn

// faulty is a server with a fault. What it takes goes into the post office.
type faulty struct {
	fault
	addr string
	post *postOffice

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

// postOffice remembers how messages arrived, and the messages to one domain themselves.
type postOffice struct {
	mu      sync.Mutex          // guards what follows
	arrived map[string][]string // "clear" or "encrypted", by the domain in the header X-For
	notices []string            // messages without that header
}

func (o *postOffice) take(how string, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, rest, found := strings.Cut(string(body), "X-For: ")
	if domain, _, _ := strings.Cut(rest, ";"); found && !strings.Contains(string(body), "Auto-Submitted: ") {
		o.arrived[domain] = append(o.arrived[domain], how)
		return
	}
	o.notices = append(o.notices, string(body))
}

// how says in which ways a domain's message arrived; empty: not at all.
func (o *postOffice) how(domain string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.arrived[domain], " ")
}

// returned are the notices to a sender.
func (o *postOffice) returned(sender string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for _, n := range o.notices {
		if strings.Contains(n, "To: <"+sender+">") {
			list = append(list, n)
		}
	}
	return list
}

// newFaulty starts a server on a port of the system's choice.
func newFaulty(t *testing.T, post *postOffice, f fault) *faulty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &faulty{fault: f, addr: l.Addr().String(), post: post, open: map[net.Conn]bool{}}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.hold(conn, true)
			sessions.Go(func() {
				defer p.hold(conn, false)
				defer conn.Close()
				p.converse(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.closeAll()
		sessions.Wait()
	})
	return p
}

func (p *faulty) hold(conn net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.open[conn] = true
	} else {
		delete(p.open, conn)
	}
}

func (p *faulty) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
	}
}

// say sends a reply, and returns whether the conversation goes on. A | begins a new line.
func say(conn net.Conn, reply string) bool {
	switch reply {
	case dropped:
		return false
	case severed:
		endWithRST(conn)
		return false
	case silent:
		io.Copy(io.Discard, conn)
		return false
	}
	_, err := io.WriteString(conn, strings.ReplaceAll(reply, "|", "\r\n")+"\r\n")
	return err == nil
}

// endWithRST throws the connection away. The peer's bytes must be read before, or the system sends RST by itself.
func endWithRST(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// converse speaks SMTP until one side has had enough.
func (p *faulty) converse(conn net.Conn) {
	if banner := p.banner; banner == "" && !say(conn, "220 mx.faulty.example ESMTP") || banner != "" && !say(conn, banner) {
		return
	}
	how := "clear"
	lines := textproto.NewReader(bufio.NewReader(conn))
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		reply, set := p.replies[verb]
		if how == "encrypted" {
			reply, set = p.late[verb]
		}
		if !set {
			reply = p.usual(verb, how)
		}
		if !say(conn, reply) || verb == "QUIT" {
			return
		}
		switch {
		case verb == "STARTTLS" && reply[0] == '2':
			if conn = p.shakeHands(conn); conn == nil {
				return
			}
			how, lines = "encrypted", textproto.NewReader(bufio.NewReader(conn))
		case verb == "DATA" && reply[0] == '3':
			body, err := lines.ReadDotBytes()
			if err != nil {
				return
			}
			p.post.take(how, body)
			if !say(conn, "250 2.0.0 taken") {
				return
			}
		}
	}
}

func (p *faulty) shakeHands(conn net.Conn) net.Conn {
	if p.shake == nil {
		if _, err := readHello(conn); err == nil {
			say(conn, "500 what was that?")
		}
		return nil
	}
	return p.shake(conn)
}

// usual is the reply of a server with which nothing is the matter.
func (p *faulty) usual(verb, how string) string {
	switch verb {
	case "EHLO":
		offers := p.offers
		if offers == nil {
			offers = []string{"STARTTLS"}
		}
		reply := "250-mx.faulty.example"
		for _, keyword := range offers {
			if keyword != "STARTTLS" || how == "clear" {
				reply += "|250-" + keyword
			}
		}
		return reply + "|250 SIZE 100000000"
	case "STARTTLS":
		return "220 2.0.0 go ahead"
	case "DATA":
		return "354 go ahead"
	case "QUIT":
		return "221 2.0.0 bye"
	}
	return "250 2.0.0 ok"
}

// served shakes hands as crypto/tls does.
func served(conf *tls.Config) shake {
	return func(conn net.Conn) net.Conn {
		encrypted := tls.Server(conn, conf)
		if encrypted.Handshake() != nil {
			return nil
		}
		return encrypted
	}
}

// readHello reads the client's first handshake message (RFC 8446 §4), header of the record included.
func readHello(conn net.Conn) ([]byte, error) {
	var all []byte
	message := 0 // bytes of it that have come
	for {
		record := make([]byte, 5)
		if _, err := io.ReadFull(conn, record); err != nil {
			return nil, err
		}
		body := make([]byte, int(record[3])<<8|int(record[4]))
		if _, err := io.ReadFull(conn, body); err != nil {
			return nil, err
		}
		all = append(append(all, record...), body...)
		message += len(body)
		if wanted := 4 + int(all[6])<<16 + int(all[7])<<8 + int(all[8]); message >= wanted {
			return all, nil
		}
	}
}

// afterHello does something rude once the ClientHello is there.
func afterHello(rude func(net.Conn)) shake {
	return func(conn net.Conn) net.Conn {
		if _, err := readHello(conn); err == nil {
			rude(conn)
		}
		return nil
	}
}

// alerting answers the ClientHello with a fatal alert (RFC 8446 §6).
func alerting(number byte) shake {
	return afterHello(func(conn net.Conn) {
		conn.Write([]byte{21, 3, 3, 0, 2, 2, number})
		io.Copy(io.Discard, conn)
	})
}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	first io.Reader
}

func (r *replayed) Read(b []byte) (int, error) { return r.first.Read(b) }

// fragile breaks off where the ClientHello is larger than one old segment's worth, as devices do that expect it whole in
// one read.
func fragile(most int, conf *tls.Config) shake {
	return func(conn net.Conn) net.Conn {
		hello, err := readHello(conn)
		if err != nil || len(hello) > most {
			endWithRST(conn)
			return nil
		}
		return served(conf)(&replayed{conn, io.MultiReader(strings.NewReader(string(hello)), conn)})
	}
}

// cut is a connection that ends with the second write.
type cut struct {
	net.Conn
	written bool
}

func (c *cut) Write(b []byte) (int, error) {
	if c.written {
		c.Close()
	}
	c.written = true
	return c.Conn.Write(b)
}

// forwarded hands the handshake and everything after it to another server.
func forwarded(addr string) shake {
	return func(conn net.Conn) net.Conn {
		other, err := net.Dial("tcp", addr)
		if err != nil {
			return nil
		}
		var there sync.WaitGroup
		there.Go(func() {
			io.Copy(other, conn)
			other.(*net.TCPConn).CloseWrite()
		})
		io.Copy(conn, other)
		conn.Close()
		there.Wait()
		other.Close()
		return nil
	}
}

// The post office tells a message from the notice about it, which quotes the header.
func TestPostOffice(t *testing.T) {
	o := &postOffice{arrived: map[string][]string{}}
	o.take("clear", []byte("X-For: a.example;\r\n\r\n"))
	o.take("clear", []byte("To: <x@b.example>\r\nAuto-Submitted: auto-replied\r\n\r\nX-For: a.example;\r\n"))
	if o.how("a.example") != "clear" || !slices.Equal(o.returned("x@b.example"), o.notices) || len(o.notices) != 1 {
		t.Errorf("%v", o)
	}
}
