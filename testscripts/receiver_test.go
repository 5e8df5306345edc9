package testscripts

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// receiver is a syslog server of a script.
type receiver struct {
	protocol string
	config   *tls.Config

	mu       sync.Mutex
	address  string
	packets  net.PacketConn
	listener net.Listener
	conns    []net.Conn
	messages []string
}

// receivers are a script's, by name.
type receivers struct {
	mu   sync.Mutex
	list map[*testscript.TestScript]map[string]*receiver
}

var allReceivers = receivers{list: map[*testscript.TestScript]map[string]*receiver{}}

func (r *receivers) of(ts *testscript.TestScript) map[string]*receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list[ts] == nil {
		r.list[ts] = map[string]*receiver{}
	}
	return r.list[ts]
}

// receiverVerb is
//
//	receiver NAME udp|tcp       a syslog server; sets NAME_PORT
//	receiver NAME tls CERT      likewise with CERT.pem and CERT.key; sets NAME_PRINT, the certificate's fingerprint
//	receiver NAME away|back     go away, and come back on the same port
//	receiver NAME got REGEXP    wait for a message that matches
//	receiver NAME never REGEXP  no message so far matches
func receiverVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: receiver NAME udp|tcp|tls|away|back|got|never ...")
	}
	all := allReceivers.of(ts)
	r := all[args[0]]
	switch args[1] {
	case "udp", "tcp", "tls":
		r = &receiver{protocol: args[1], address: "127.0.0.1:0"}
		all[args[0]] = r
		if args[1] == "tls" {
			pair, err := tls.X509KeyPair([]byte(ts.ReadFile(args[2]+".pem")), []byte(ts.ReadFile(args[2]+".key")))
			ts.Check(err)
			sum := sha256.Sum256(pair.Certificate[0])
			ts.Setenv(args[0]+"_PRINT", hex.EncodeToString(sum[:]))
			r.config = &tls.Config{Certificates: []tls.Certificate{pair}}
		}
		ts.Check(r.open())
		ts.Defer(r.close)
		_, port, _ := net.SplitHostPort(r.address)
		ts.Setenv(args[0]+"_PORT", port)
	case "away":
		r.close()
	case "back":
		ts.Check(r.open())
	case "got":
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if poll(ctx, func() bool { return r.has(ts, args[2]) }) != nil {
			ts.Fatalf("%s has not got %q:\n%s", args[0], args[2], strings.Join(r.messages, "\n"))
		}
	case "never":
		if r.has(ts, args[2]) {
			ts.Fatalf("%s has got %q", args[0], args[2])
		}
	default:
		ts.Fatalf("receiver: unknown word %q", args[1])
	}
}

func (r *receiver) has(ts *testscript.TestScript, text string) bool {
	pattern, err := regexp.Compile(text)
	ts.Check(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.messages {
		if pattern.MatchString(m) {
			return true
		}
	}
	return false
}

func (r *receiver) open() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.protocol == "udp" {
		if r.packets, err = net.ListenPacket("udp", r.address); err != nil {
			return err
		}
		r.address = r.packets.LocalAddr().String()
		go r.datagrams(r.packets)
		return nil
	}
	if r.listener, err = net.Listen("tcp", r.address); err != nil {
		return err
	}
	r.address = r.listener.Addr().String()
	go r.accept(r.listener)
	return nil
}

func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets != nil {
		r.packets.Close()
	}
	if r.listener != nil {
		r.listener.Close()
	}
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

func (r *receiver) note(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, message)
}

func (r *receiver) datagrams(from net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := from.ReadFrom(buf)
		if err != nil {
			return
		}
		r.note(string(buf[:n]))
	}
}

func (r *receiver) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		if err != nil {
			return
		}
		if r.config != nil {
			conn = tls.Server(conn, r.config)
		}
		r.mu.Lock()
		r.conns = append(r.conns, conn)
		r.mu.Unlock()
		go r.read(conn)
	}
}

// read tells messages apart by their length, or by line feeds where they begin with none.
func (r *receiver) read(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		first, err := in.Peek(1)
		if err != nil {
			return
		}
		if first[0] == '<' {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			r.note(strings.TrimSuffix(line, "\n"))
			continue
		}
		word, err := in.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil {
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		r.note(string(message))
	}
}
