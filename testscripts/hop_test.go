package testscripts

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// dropped stands for a reply where the connection ends without one.
const dropped = "dropped"

// behavior is how a hop differs from a server that takes everything.
type behavior struct {
	offers  []string          // EHLO keywords
	replies map[string]string // what is answered to a command, or to a message's end under ".", instead of the usual
	tls     *tls.Config       // with STARTTLS; nil: the handshake is answered in plain text
	gather  int               // connections that must have been open at once before a message is accepted
}

// hop is a small SMTP server with faults that no real one has on demand.
type hop struct {
	behavior
	addr string
	dir  string // messages lie in dir/mail/clear/new and dir/mail/encrypted/new; dir/connections has a line for each connection, dir/envelopes each MAIL and RCPT

	mu    sync.Mutex // guards everything below
	count int        // messages
	open  map[net.Conn]bool
	most  int           // connections that were open at once
	more  chan struct{} // closed and replaced when most grows
}

// startHop serves until the returned function is called.
func startHop(dir, addr string, b behavior) (*hop, func(), error) {
	for _, sub := range []string{"clear", "encrypted"} {
		if err := os.MkdirAll(filepath.Join(dir, "mail", sub, "new"), 0o700); err != nil {
			return nil, nil, err
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	h := &hop{behavior: b, addr: l.Addr().String(), dir: dir, open: map[net.Conn]bool{}, more: make(chan struct{})}
	var sessions sync.WaitGroup
	ended := make(chan struct{})
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.enter(conn)
			sessions.Go(func() { defer h.leave(conn); h.converse(conn, ended) })
		}
	})
	return h, func() {
		close(ended)
		l.Close()
		h.closeAll()
		sessions.Wait()
	}, nil
}

func (h *hop) enter(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[conn] = true
	if len(h.open) > h.most {
		h.most = len(h.open)
		close(h.more)
		h.more = make(chan struct{})
	}
	h.note("connections", "%d open", len(h.open))
}

func (h *hop) leave(conn net.Conn) {
	conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, conn)
}

func (h *hop) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.open {
		conn.Close()
	}
}

// note appends a line to one of the hop's files.
func (h *hop) note(file, format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(h.dir, file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

// converse speaks SMTP until the peer leaves.
func (h *hop) converse(conn net.Conn, ended <-chan struct{}) {
	lines := textproto.NewReader(bufio.NewReader(conn))
	folder := "clear"
	say := func(text string) { io.WriteString(conn, strings.ReplaceAll(text, "|", "\r\n")+"\r\n") }
	banner := cmp.Or(h.replies["banner"], "220 hop.example ESMTP")
	if banner == dropped {
		return
	}
	say(banner)
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if verb == "MAIL" || verb == "RCPT" {
			h.note("envelopes", "%s", line)
		}
		if reply, ok := h.replies[verb]; ok {
			if reply == dropped {
				return
			}
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			say(strings.Join(h.greeting(folder), "|"))
		case "STARTTLS":
			say("220 2.0.0 go ahead")
			if h.tls == nil {
				if _, err := lines.R.Peek(1); err == nil {
					say("500 what was that?")
				}
				return
			}
			encrypted := tls.Server(conn, h.tls)
			if encrypted.Handshake() != nil {
				return
			}
			conn, folder, lines = encrypted, "encrypted", textproto.NewReader(bufio.NewReader(encrypted))
		case "DATA":
			say("354 go ahead")
			body, err := lines.ReadDotBytes()
			if err != nil || !h.gathered(conn, lines.R, ended) || h.keep(folder, body) != nil || h.replies["."] == dropped {
				return
			}
			say(cmp.Or(h.replies["."], "250 2.0.0 taken"))
		case "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			say("250 2.0.0 ok")
		}
	}
}

// greeting is the answer to EHLO; what is encrypted is not offered encryption again.
func (h *hop) greeting(folder string) []string {
	reply := []string{"250-hop.example"}
	for _, keyword := range h.offers {
		if keyword != "STARTTLS" || folder == "clear" {
			reply = append(reply, "250-"+keyword)
		}
	}
	return append(reply, "250 SIZE 100000000")
}

// gathered waits until as many connections as wanted have been open at once. It returns false if the peer, which has nothing
// to say meanwhile, leaves before that.
func (h *hop) gathered(conn net.Conn, from *bufio.Reader, ended <-chan struct{}) bool {
	if h.gather == 0 {
		return true
	}
	left := make(chan struct{})
	go func() { from.Peek(1); close(left) }()
	defer func() {
		conn.SetReadDeadline(time.Now())
		<-left
		conn.SetReadDeadline(time.Time{})
	}()
	for {
		h.mu.Lock()
		most, more := h.most, h.more
		h.mu.Unlock()
		if most >= h.gather {
			return true
		}
		select {
		case <-more:
		case <-left:
			return false
		case <-ended:
			return false
		}
	}
}

// keep stores a message. Who looks for it finds it whole or not at all.
func (h *hop) keep(folder string, body []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	name := strconv.Itoa(h.count)
	whole := filepath.Join(h.dir, name)
	if err := os.WriteFile(whole, body, 0o600); err != nil {
		return err
	}
	return os.Rename(whole, filepath.Join(h.dir, "mail", folder, "new", name))
}

// hopVerb is "hop NAME [at=ADDRESS:PORT|smtp] [tls=CERT] [offer=KEYWORD,...] [gather=N] [COMMAND=REPLY]...": an SMTP
// server, reached at $NAME, that answers COMMAND with REPLY, takes everything else into $WORK/NAME/mail, and writes for
// each connection into $WORK/NAME/connections how many are open, and what MAIL and RCPT said into $WORK/NAME/envelopes. With at=smtp it has the port 25 of an address of its
// own, $NAME_IP; with tls it offers STARTTLS. A | in REPLY begins a new line; .=REPLY answers a message's end, banner=REPLY the connection; the REPLY
// dropped ends the connection.
func hopVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: hop NAME [KEY=VALUE]...")
	}
	h, end, err := startHop(ts.MkAbs(args[0]), hopAddress(ts, args[1:]), hopBehavior(ts, args[1:]))
	ts.Check(err)
	ts.Defer(end)
	host, port, err := net.SplitHostPort(h.addr)
	ts.Check(err)
	ts.Setenv(args[0], "["+host+"]:"+port)
	ts.Setenv(args[0]+"_IP", host)
}

func hopAddress(ts *testscript.TestScript, args []string) string {
	for _, arg := range args {
		switch at, ok := strings.CutPrefix(arg, "at="); {
		case at == "smtp":
			return net.JoinHostPort(freeLoopback(ts), "25")
		case ok:
			return at
		}
	}
	return "127.0.0.1:0"
}

func hopBehavior(ts *testscript.TestScript, args []string) behavior {
	b := behavior{offers: []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}, replies: map[string]string{}}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			ts.Fatalf("hop: %q is no KEY=VALUE", arg)
		case key == "at":
		case key == "tls":
			pair, err := tls.LoadX509KeyPair(ts.MkAbs(value+".pem"), ts.MkAbs(value+".key"))
			ts.Check(err)
			b.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
			b.offers = append(b.offers, "STARTTLS")
		case key == "offer":
			b.offers = strings.Split(value, ",")
		case key == "gather":
			n, err := strconv.Atoi(value)
			ts.Check(err)
			b.gather = n
		default:
			b.replies[key] = value
		}
	}
	return b
}

// newHop is hopVerb for tests in Go.
func newHop(t *testing.T, dir string, b behavior) *hop {
	h, end, err := startHop(dir, "127.0.0.1:0", b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return h
}
