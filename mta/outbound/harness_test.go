package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/mtasts"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) != "" {
		serveSink()
		return
	}
	goleak.VerifyTestMain(m)
}

// vault is a vault in memory.
type vault map[string][]byte

func (v vault) Put(kind string, b []byte) (string, error) {
	id := fmt.Sprintf("%s-%d", kind, len(v))
	v[id] = b
	return id, nil
}

func (v vault) Get(id string) ([]byte, error) {
	if b, ok := v[id]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no %q", id)
}

// bench is the whole delivering side with a real spool, queue and log, and a DNS and peers of the test's own.
type bench struct {
	t     *testing.T
	queue *queue.Queue
	spool *spool.Spool
	dns   *dns.Fake
	certs *certstore.Store
	world atomic.Pointer[World]
	log   *eventlog.Log
	lines chan string
	seen  []string
	port  int           // of mail exchangers
	sts   mtasts.Policy // of every domain
	dir   string

	linger    time.Duration        // of open connections
	crl       tlspolicy.Revocation // nil: nothing is revoked
	idle      time.Duration        // how long connections are kept for other trips; 0: they are not
	faultless bool                 // a fault of the queue fails the test
	mu        sync.Mutex
	told      []string
	records   []*tlspolicy.Record
	sent      chan Sent
	deliverer *Deliverer
}

// fault takes note of what fails on our own side.
func (b *bench) fault(what string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, what+": "+err.Error())
}

// observed are the records so far.
func (b *bench) observed() []*tlspolicy.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.records)
}

// outcome is what is told of a message next.
func (b *bench) outcome() Sent {
	b.t.Helper()
	select {
	case s := <-b.sent:
		return s
	case <-time.After(20 * time.Second):
		b.t.Fatalf("nothing is told of a message; the log has\n%s", strings.Join(b.seen, "\n"))
		return Sent{}
	}
}

func (b *bench) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

// newBench starts the delivering side. Domains under peer.example lead to the given peer by route.
func newBench(t *testing.T, change func(b *bench, c *config.Config)) *bench {
	t.Helper()
	b := &bench{t: t, dns: &dns.Fake{}, certs: certstore.New(vault{}), lines: make(chan string, 1000), sent: make(chan Sent, 1000), port: smtpPort, faultless: true, dir: t.TempDir(), linger: -1}
	dir := b.dir
	var err error
	if b.log, err = eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Type: "Text Mail Logs"}); err != nil {
		t.Fatal(err)
	}
	if b.spool, err = spool.Open(dir+"/spool", spool.Options{}); err != nil {
		t.Fatal(err)
	}
	conf := config.Default("mail.example.com")
	conf.Routes = map[string]*config.Route{}
	conf.Authorities.System = false
	if change != nil {
		change(b, conf)
	}
	b.configure(conf)
	ml := maillog.New(b.log)
	var dcid atomic.Uint64
	limits := smtp.DefaultTimeouts()
	limits.Banner = time.Second // for the test of a peer that says nothing
	d := New(Options{
		World: func() World { return *b.world.Load() }, Spool: b.spool, Log: ml, NextDCID: func() uint64 { return dcid.Add(1) },
		Timeouts: &limits, ConnectTimeout: 2 * time.Second, Shuffle: func(int, func(i, j int)) {},
		Fault:    b.fault,
		Policies: func(context.Context, string) mtasts.Policy { return b.sts },
		Observe: func(r *tlspolicy.Record) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.records = append(b.records, r)
		},
		Sent: func(s Sent) {
			b.sent <- s
		},
	})
	d.port = b.port
	b.deliverer = d
	b.queue = queue.New(queue.Options{
		Config: func() *config.Config { return b.world.Load().Config }, Spool: b.spool, Log: ml, Deliverer: d,
		Bouncer: &Bouncer{Config: func() *config.Config { return b.world.Load().Config }, Spool: b.spool},
		Random:  func() float64 { return 0 }, Linger: b.linger,
		Grace: func() time.Duration { return 5 * time.Second }, // a test may end before a connection does
		Fault: func(what string, err error) {
			b.fault(what, err)
			if b.faultless {
				t.Errorf("fault: %s: %v", what, err)
			}
		},
	})
	b.run()
	return b
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.queue.Run(ctx) })
	if b.idle > 0 {
		b.deliverer.keeper.idle = b.idle
		wg.Go(func() { b.deliverer.Run(ctx) })
	}
	wg.Go(func() {
		// From the beginning: the first lines may be there before this goroutine is.
		b.log.Tail(ctx, 1<<20, func(line string) error {
			_, text, _ := strings.Cut(line, " Info: ")
			if !fileHead.MatchString(text) {
				b.lines <- text
			}
			return nil
		})
	})
	b.t.Cleanup(func() {
		cancel()
		wg.Wait()
		b.log.Close()
		b.spool.Close()
	})
	<-b.queue.Loaded()
	for b.idle > 0 && !b.deliverer.keeper.ready() {
		runtime.Gosched()
	}
}

// ready says that connections are kept.
func (k *keeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open
}

// fileHead are the lines that a log file begins with.
var fileHead = regexp.MustCompile(`^(Begin Logfile|Version: |Time offset from UTC: )`)

// configure puts a configuration in force.
func (b *bench) configure(conf *config.Config) {
	b.t.Helper()
	trust, err := tlspolicy.NewTrust(conf, b.certs, b.crl)
	if err != nil {
		b.t.Fatal(err)
	}
	b.world.Store(&World{Config: conf, Resolver: b.dns, Trust: trust, Certificates: func(name string) ([]tls.Certificate, error) {
		p, err := b.certs.Get(conf.Refs[config.CertificateRef(name)])
		if err != nil {
			return nil, err
		}
		return p.TLSCertificates(), nil
	}})
}

// put spools a message without queueing it.
func (b *bench) put(env spool.Envelope, body string, to ...string) spool.Message {
	b.t.Helper()
	env.MID, env.Received, env.Size = b.spool.NextMID(), time.Now(), int64(len(body))
	for i, a := range to {
		env.Recipients = append(env.Recipients, spool.Recipient{RID: i, Address: a})
	}
	w, err := b.spool.Create(env.MID)
	if err != nil {
		b.t.Fatal(err)
	}
	io.WriteString(w, body)
	if err := w.Commit(env); err != nil {
		b.t.Fatal(err)
	}
	return spool.Message{Envelope: env, States: make([]spool.State, len(to))}
}

const letter = "Subject: hello\r\nX-Test: 1\r\n\r\nbody\r\n.dot\r\n"

// send queues a message from a@x.example.
func (b *bench) send(to ...string) spool.Message {
	m := b.put(spool.Envelope{Sender: "a@x.example"}, letter, to...)
	b.queue.Add(m)
	return m
}

// rest waits until no trip is under way.
func (b *bench) rest() {
	b.t.Helper()
	if err := errors.Join(b.queue.Suspend(nil), b.queue.Drain(b.t.Context(), nil, 20*time.Second), b.queue.Resume(nil)); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for a line that holds text, and returns all lines up to it, in order.
func (b *bench) until(text string) []string {
	b.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		select {
		case line := <-b.lines:
			b.seen = append(b.seen, line)
			if strings.Contains(line, text) {
				return b.seen
			}
		case <-limit.C:
			b.t.Fatalf("no line with %q; the log has\n%s", text, strings.Join(b.seen, "\n"))
		}
	}
}

// expect compares the lines up to one that holds the last want with the wanted ones, in which * stands for anything.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	last := want[len(want)-1]
	if i := strings.LastIndex(last, "*"); i >= 0 {
		last = last[i+1:]
	}
	got := b.until(last)
	b.seen = nil
	if len(got) != len(want) {
		b.t.Fatalf("log:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	for i := range want {
		if !matches(got[i], want[i]) {
			b.t.Errorf("line %d:\n  %s\nwant:\n  %s", i, got[i], want[i])
		}
	}
}

func matches(got, want string) bool {
	for i, part := range strings.Split(want, "*") {
		at := strings.Index(got, part)
		if at < 0 || (i == 0 && at > 0) {
			return false
		}
		got = got[at+len(part):]
	}
	return got == "" || strings.HasSuffix(want, "*")
}

// peer is a server whose every connection is played by a function of the test.
type peer struct {
	addr netip.AddrPort
}

// hop is the peer as an SMTP route names it.
func (p *peer) hop() string { return fmt.Sprintf("[%s]:%d", p.addr.Addr(), p.addr.Port()) }

// route sends a domain's mail to peers, by priority.
func route(c *config.Config, domain string, peers ...*peer) {
	r := &config.Route{}
	for i, p := range peers {
		r.Hops = append(r.Hops, fmt.Sprintf("%d/%s", i, p.hop()))
	}
	c.Routes[domain] = r
}

// line is one end of a connection in a peer's hands.
type line struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	ok   bool
}

func (l *line) say(text string) { io.WriteString(l.conn, text) }

// hear reads a line, which must begin so, and answers.
func (l *line) hear(prefix, answer string) {
	got, err := l.r.ReadString('\n')
	if !l.ok {
		return
	}
	if err != nil || !strings.HasPrefix(got, prefix) {
		l.t.Errorf("peer heard %q, %v; want %q", got, err, prefix)
		l.ok = false
	}
	l.say(answer)
}

// take reads a message's content up to its final dot.
func (l *line) take(answer string) string {
	var content strings.Builder
	for {
		s, err := l.r.ReadString('\n')
		if err != nil || s == ".\r\n" {
			break
		}
		content.WriteString(s)
	}
	l.say(answer)
	return content.String()
}

// secure takes the server's side of a handshake.
func (l *line) secure(conf *tls.Config) error {
	conn := tls.Server(l.conn, conf)
	if err := conn.Handshake(); err != nil {
		return err
	}
	l.conn, l.r = conn, bufio.NewReader(conn)
	return nil
}

// newPeer starts a peer; play gets each connection and its number from 0.
func newPeer(t *testing.T, play func(n int, l *line)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				play(n, &line{t: t, conn: conn, r: bufio.NewReader(conn), ok: true})
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return &peer{addr: listener.Addr().(*net.TCPAddr).AddrPort()}
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &peer{addr: l.Addr().(*net.TCPAddr).AddrPort()}
}

// greet plays the beginning of a connection, with the extensions.
func (l *line) greet(extensions ...string) {
	l.say("220 peer ESMTP\r\n")
	l.hear("EHLO mail.example.com", offerOf(extensions...))
}

func offerOf(extensions ...string) string {
	text := "250-peer\r\n"
	for _, e := range extensions {
		text += "250-" + e + "\r\n"
	}
	return text + "250 HELP\r\n"
}

// accept plays one whole transaction and returns the content.
func (l *line) accept() string {
	l.hear("MAIL", "250 2.1.0 ok\r\n")
	l.hear("RCPT", "250 2.1.5 ok\r\n")
	l.hear("DATA", "354 go\r\n")
	return l.take("250 2.0.0 taken\r\n")
}

func (l *line) bye() { l.hear("QUIT", "221 bye\r\n") }
