package inbound

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// rig is a listener on loopback with everything that it needs, and what came of it.
type rig struct {
	t      testing.TB
	addr   string
	dir    string
	l      *Listener
	conf   atomic.Pointer[config.Config]
	log    *eventlog.Log
	system *eventlog.Log
	spool  *memorySpool
	dns    *dns.Fake
	vault  vault
	certs  *certstore.Store
	now    atomic.Int64 // seconds that the clock is ahead
	paused atomic.Bool  // the work queue is

	mu        sync.Mutex
	accepted  []spool.Message
	ended     []string // what came of each connection's TLS
	serversOf *config.Config
	servers   map[bool]*tlspolicy.Server
}

const listenerName = "InboundMail"

// newRig starts a public listener that takes mail for example.com, changed by change.
func newRig(t testing.TB, change func(r *rig, c *config.Config, l *config.Listener)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), spool: &memorySpool{messages: map[uint64]string{}}, vault: vault{}}
	r.certs = certstore.New(r.vault)
	r.dns = &dns.Fake{
		Names: map[netip.Addr][]string{netip.MustParseAddr("127.0.0.1"): {"client.example"}},
		Hosts: map[string][]netip.Addr{"client.example": {netip.MustParseAddr("127.0.0.1")}},
	}
	r.log, r.system = r.openLog("mail_logs", "mail"), r.openLog("system_logs", "system")
	r.commit(func(c *config.Config, l *config.Listener) {
		c.Interfaces["Management"].Hostname = "mail.example.com"
		l.RecipientAccess = config.RecipientAccess{"example.com": {Accept: true}}
		if change != nil {
			change(r, c, l)
		}
	})
	var icid atomic.Uint64
	mail, system := maillog.New(r.log), maillog.NewSystem(r.system)
	r.l = New(Options{
		Name: listenerName, Config: r.conf.Load, TLS: r.handshake, Spool: r.spool, Sink: r, Names: r.dns, Log: mail, System: system,
		ICID: func() uint64 { return icid.Add(1) }, Counters: &Counters{},
		Ended: r.end,
		Now:   func() time.Time { return time.Now().Add(time.Duration(r.now.Load()) * time.Second) },
	})
	r.serve()
	return r
}

func (r *rig) openLog(name, file string) *eventlog.Log {
	l, err := eventlog.Open(eventlog.Options{Dir: r.dir, Name: name, File: file, Type: "Text", Version: "1", Serial: "2"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	return l
}

// commit puts a changed copy of the configuration in force.
func (r *rig) commit(change func(c *config.Config, l *config.Listener)) {
	c := config.Default("mail.example.com")
	if old := r.conf.Load(); old != nil {
		c = old.Clone()
	}
	change(c, c.Listeners[listenerName])
	r.conf.Store(c)
}

// serve opens a socket and accepts from it until the test ends.
func (r *rig) serve() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.l.Serve(ctx, ln) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		r.l.Shutdown(0)
	})
}

// Hold implements Sink.
func (r *rig) Hold(uint64) bool { return r.paused.Load() }

// Accepted implements Sink.
func (r *rig) Accepted(_ context.Context, m spool.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = append(r.accepted, m)
}

// handshake makes one by the running configuration.
func (r *rig) end(o *tlspolicy.Outcome, used bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o == nil {
		o = &tlspolicy.Outcome{Cause: "nothing"}
	}
	r.ended = append(r.ended, fmt.Sprintf("%s encrypted %v used %v", o.Cause, o.Encrypted, used))
}

func (r *rig) handshake(_ string, askClient bool) (Handshake, error) {
	server, err := r.server(askClient)
	if err != nil {
		return nil, err
	}
	return server.Accept(), nil
}

// server is the incoming side of the running configuration; made once for each, as the engine does.
func (r *rig) server(askClient bool) (*tlspolicy.Server, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.conf.Load()
	if r.serversOf != c {
		r.serversOf, r.servers = c, map[bool]*tlspolicy.Server{}
	}
	if s := r.servers[askClient]; s != nil {
		return s, nil
	}
	l := c.Listeners[listenerName]
	certs, err := r.profiles(c, l.Certificates)
	if err != nil {
		return nil, err
	}
	names := map[string][]tls.Certificate{}
	for name, profiles := range l.ServerNames {
		if names[name], err = r.profiles(c, profiles); err != nil {
			return nil, err
		}
	}
	trust, err := tlspolicy.NewTrust(c, r.certs, nil)
	if err != nil {
		return nil, err
	}
	mode := tlspolicy.NoClient
	if askClient {
		mode = tlspolicy.AskClient
	}
	s, err := tlspolicy.NewServer(tlspolicy.ServerOptions{
		Certificates: certs, Names: names, Client: mode, Trust: trust, SSL: c.SSL.Inbound,
	})
	r.servers[askClient] = s
	return s, err
}

func (r *rig) profiles(c *config.Config, names []string) (certs []tls.Certificate, err error) {
	for _, name := range names {
		profile, err := r.certs.Get(c.Refs[config.CertificateRef(name)])
		if err != nil {
			return nil, err
		}
		certs = append(certs, profile.TLSCertificates()...)
	}
	return certs, nil
}

// certificate makes a self-signed certificate for the host and returns it with the id of its content.
func (r *rig) certificate(host string) (*certstore.Profile, string) {
	p, err := certstore.Create(certstore.Request{CommonName: host, Days: 10})
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := r.certs.Put(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return p, id
}

// offerTLS gives the listener a certificate and the default policy a TLS mode.
func offerTLS(mode config.TLSMode, verify bool) func(r *rig, c *config.Config, l *config.Listener) {
	return func(r *rig, c *config.Config, l *config.Listener) {
		_, c.Refs[config.CertificateRef(config.DemoCertificate)] = r.certificate("mail.example.com")
		l.HostAccess.Default.TLS, l.HostAccess.Default.TLSVerify = mode, &verify
	}
}

// lines are what a log has said so far, without times.
func (r *rig) lines(l *eventlog.Log, name, file string) []string {
	r.t.Helper()
	if err := l.Flush(); err != nil {
		r.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(r.dir, name, file+".current"))
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if _, text, ok := strings.Cut(line, " Info: "); ok {
			out = append(out, strings.TrimSuffix(text, "\n"))
		} else if _, text, ok := strings.Cut(line, " Warning: "); ok {
			out = append(out, strings.TrimSuffix(text, "\n"))
		}
	}
	return out[min(3, len(out)):] // behind the head of the file
}

// awaitLog waits until the connection with the ID has closed, and returns what mail_logs says.
func (r *rig) awaitLog(icid int) []string {
	r.t.Helper()
	want := fmt.Sprintf("ICID %d close", icid)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	found := errors.New("found")
	err := r.log.Tail(ctx, 10000, func(line string) error {
		if strings.HasSuffix(line, want) {
			return found
		}
		return nil
	})
	if !errors.Is(err, found) {
		r.t.Errorf("no line %q: %v", want, err)
	}
	return r.lines(r.log, "mail_logs", "mail")
}

// wantLog wants these lines, with the peer's port and made-up identifiers left out of the comparison, and no others.
func (r *rig) wantLog(icid int, want ...string) {
	r.t.Helper()
	got := r.awaitLog(icid)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.t.Errorf("mail_logs:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// hasLog wants one line among others.
func (r *rig) hasLog(icid int, want string) {
	r.t.Helper()
	got := r.awaitLog(icid)
	for _, line := range got {
		if line == want {
			return
		}
	}
	r.t.Errorf("no line %q in:\n%s", want, strings.Join(got, "\n"))
}

// client is a peer that says and hears.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// dial connects without waiting for a banner.
func (r *rig) dial() *client {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r.t.Cleanup(func() { conn.Close() })
	return &client{r.t, conn, bufio.NewReader(conn)}
}

// connect hears the banner and says EHLO.
func (r *rig) connect() *client {
	r.t.Helper()
	c := r.dial()
	c.hear("220 mail.example.com ESMTP")
	c.say("EHLO client.example", "250 SIZE")
	return c
}

// hear reads one reply and wants its last line to begin so.
func (c *client) hear(want string) string {
	c.t.Helper()
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", want, err)
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, want) {
			c.t.Fatalf("heard %q, want %q", all.String(), want)
		}
		return all.String()
	}
}

func (c *client) say(command, want string) string {
	c.t.Helper()
	fmt.Fprintf(c.conn, "%s\r\n", command)
	return c.hear(want)
}

// send sends one message.
func (c *client) send(from, to, content, want string) {
	c.t.Helper()
	c.say("MAIL FROM:<"+from+">", "250 2.1.0 sender <"+from+"> ok")
	c.say("RCPT TO:<"+to+">", "250 2.1.5 recipient <"+to+"> ok")
	c.say("DATA", "354 go ahead")
	c.say(content+".", want)
}

func (c *client) quit() {
	c.t.Helper()
	c.say("QUIT", "221 2.0.0 mail.example.com")
	c.gone()
}

// gone wants the connection to be closed.
func (c *client) gone() {
	c.t.Helper()
	if line, err := c.r.ReadString('\n'); err == nil {
		c.t.Errorf("heard %q at the end", line)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Error("the connection stays open")
	}
	c.conn.Close()
}

func (c *client) startTLS(conf *tls.Config) tls.ConnectionState {
	c.t.Helper()
	c.say("STARTTLS", "220 2.0.0 Go ahead with TLS")
	conf.InsecureSkipVerify = true
	secured := tls.Client(c.conn, conf)
	if err := secured.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = secured, bufio.NewReader(secured)
	return secured.ConnectionState()
}

// memorySpool is a Spool that can be made to fail.
type memorySpool struct {
	mu       sync.Mutex
	mid      uint64
	messages map[uint64]string
	open     int // neither committed nor aborted

	onCreate, onWrite, onCommit func() error
}

func (s *memorySpool) NextMID() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mid++
	return s.mid
}

func fault(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (s *memorySpool) Create(mid uint64) (Message, error) {
	if err := fault(s.onCreate); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return &memoryMessage{s: s, mid: mid}, nil
}

type memoryMessage struct {
	bytes.Buffer
	s    *memorySpool
	mid  uint64
	over bool
}

func (m *memoryMessage) Write(p []byte) (int, error) {
	if err := fault(m.s.onWrite); err != nil && m.Len()+len(p) > 500 {
		return 0, err
	}
	return m.Buffer.Write(p)
}

func (m *memoryMessage) Size() int64 { return int64(m.Len()) }

func (m *memoryMessage) Commit(env spool.Envelope) error {
	err := fault(m.s.onCommit)
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.end()
	if err == nil {
		m.s.messages[m.mid] = m.String()
	}
	return err
}

func (m *memoryMessage) Abort() {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.end()
}

func (m *memoryMessage) end() {
	if !m.over {
		m.over = true
		m.s.open--
	}
}

// vault keeps secrets in memory.
type vault map[string][]byte

func (v vault) Put(kind string, content []byte) (string, error) {
	id := fmt.Sprintf("%s-%d", kind, len(v))
	v[id] = content
	return id, nil
}

func (v vault) Get(id string) ([]byte, error) {
	content, ok := v[id]
	if !ok {
		return nil, fmt.Errorf("no content %q", id)
	}
	return content, nil
}
