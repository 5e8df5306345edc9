package inbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

// The exchange that is measured: a full handshake with an ECDSA certificate, and one small message.
const (
	benchContent = "From: a@b.example\r\nTo: a@example.com\r\nSubject: small\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n" +
		"Message-ID: <1@b.example>\r\n\r\nSome words.\r\n"
	benchBatch   = 80 // messages of one run
	benchClients = 8  // at once
)

// benchTurn is one turn of the dialogue: what the client says, and the reply of the server that answers from a fixed text.
type benchTurn struct{ said, reply string }

// inClear is said before the handshake, inTLS after it.
var inClear = []benchTurn{
	{"EHLO client.example\r\n", "250-mail.example.com\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n" +
		"250-SMTPUTF8\r\n250-STARTTLS\r\n250 SIZE 10485760\r\n"},
	{"STARTTLS\r\n", "220 2.0.0 Go ahead with TLS\r\n"},
}

var inTLS = []benchTurn{
	{"EHLO client.example\r\n", "250-mail.example.com\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n" +
		"250-SMTPUTF8\r\n250-REQUIRETLS\r\n250 SIZE 10485760\r\n"},
	{"MAIL FROM:<a@b.example>\r\n", "250 2.1.0 sender <a@b.example> ok\r\n"},
	{"RCPT TO:<a@example.com>\r\n", "250 2.1.5 recipient <a@example.com> ok\r\n"},
	{"DATA\r\n", "354 go ahead\r\n"},
	{benchContent + ".\r\n", "250 2.0.0 ok:  Message 1 accepted\r\n"},
	{"QUIT\r\n", "221 2.0.0 mail.example.com\r\n"},
}

// benchSend plays the client's part once.
func benchSend(addr string, conf *tls.Config) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReaderSize(conn, 1024)
	if err := benchHear(r); err != nil {
		return err
	}
	if err := benchSay(conn, r, inClear); err != nil {
		return err
	}
	secured := tls.Client(conn, conf)
	if err := secured.Handshake(); err != nil {
		return err
	}
	r.Reset(secured)
	return benchSay(secured, r, inTLS)
}

func benchSay(w io.Writer, r *bufio.Reader, turns []benchTurn) error {
	for _, turn := range turns {
		if _, err := io.WriteString(w, turn.said); err != nil {
			return err
		}
		if err := benchHear(r); err != nil {
			return fmt.Errorf("%q: %w", turn.said, err)
		}
	}
	return nil
}

func benchHear(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case len(line) < 4 || line[0] > '3':
			return fmt.Errorf("heard %q", line)
		case line[3] == ' ':
			return nil
		}
	}
}

// bareServer answers from the fixed text over crypto/tls, and does nothing else.
func bareServer(b *testing.B, certs []tls.Certificate) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certs}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { bareSession(conn, conf) })
		}
	})
	b.Cleanup(func() {
		ln.Close()
		sessions.Wait()
	})
	return ln.Addr().String()
}

func bareSession(conn net.Conn, conf *tls.Config) {
	defer conn.Close()
	io.WriteString(conn, "220 mail.example.com ESMTP\r\n")
	r := bufio.NewReaderSize(conn, 1024)
	if bareAnswer(conn, r, inClear) != nil {
		return
	}
	secured := tls.Server(conn, conf)
	defer secured.Close()
	r.Reset(secured)
	bareAnswer(secured, r, inTLS)
}

// bareAnswer reads as many lines as the client says in a turn, and answers.
func bareAnswer(w io.Writer, r *bufio.Reader, turns []benchTurn) error {
	for _, turn := range turns {
		for range strings.Count(turn.said, "\n") {
			if _, err := r.ReadSlice('\n'); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, turn.reply); err != nil {
			return err
		}
	}
	return nil
}

// benchRun is what a batch took: of time, and of the processor for both ends together.
type benchRun struct{ wall, cpu time.Duration }

// benchSendBatch sends a batch.
func benchSendBatch(b *testing.B, addr string) benchRun {
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: "mail.example.com"} // without a cache: full handshakes
	var clients sync.WaitGroup
	errs := make(chan error, benchClients)
	begun, used := time.Now(), benchCPU(b)
	for range benchClients {
		clients.Go(func() {
			var err error
			for range benchBatch / benchClients {
				err = errors.Join(err, benchSend(addr, conf))
			}
			errs <- err
		})
	}
	clients.Wait()
	took := benchRun{time.Since(begun), benchCPU(b) - used}
	for range benchClients {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	return took
}

// benchCPU is the processor time of this process so far.
func benchCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// discard is a spool that forgets.
type discard struct{ memorySpool }

func (d *discard) Create(uint64) (Message, error) { return discarded{}, nil }

type discarded struct{}

func (discarded) Write(p []byte) (int, error) { return len(p), nil }
func (discarded) Size() int64                 { return 0 }
func (discarded) Commit(spool.Envelope) error { return nil }
func (discarded) Abort()                      {}

// BenchmarkHandshake compares a listener with a bare crypto/tls server that plays the same exchange from a fixed text, in
// runs that take turns. It reports both rates in messages a second, their ratio in per cent, and that of the processor
// time, which is steadier on a machine that does other things too. Client and server share the process.
func BenchmarkHandshake(b *testing.B) {
	b.Run("no-disk", func(b *testing.B) { benchPairs(b, &discard{}) })
	b.Run("spool", func(b *testing.B) {
		s, err := spool.Open(b.TempDir(), spool.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		if err := s.Messages(func(spool.Message) error { return nil }); err != nil {
			b.Fatal(err)
		}
		benchPairs(b, Store(s))
	})
}

func benchPairs(b *testing.B, store Spool) {
	r := newRig(b, func(r *rig, c *config.Config, l *config.Listener) {
		offerTLS(config.TLSRequired, false)(r, c, l)
		l.HostAccess.Default.MaxConcurrency = new(1000)
	})
	r.l.opts.Spool, r.l.opts.Sink = store, nowhere{}
	c := r.conf.Load()
	certs, err := r.profiles(c, c.Listeners[listenerName].Certificates)
	if err != nil {
		b.Fatal(err)
	}
	bare := bareServer(b, certs)
	benchSendBatch(b, bare)
	benchSendBatch(b, r.addr)
	var ours, theirs, ratios, cpu []float64
	for b.Loop() {
		one, two := benchSendBatch(b, bare), benchSendBatch(b, r.addr)
		three, four := benchSendBatch(b, r.addr), benchSendBatch(b, bare)
		ours = append(ours, 2*benchBatch/(two.wall+three.wall).Seconds())
		theirs = append(theirs, 2*benchBatch/(one.wall+four.wall).Seconds())
		ratios = append(ratios, 100*(one.wall+four.wall).Seconds()/(two.wall+three.wall).Seconds())
		cpu = append(cpu, 100*(one.cpu+four.cpu).Seconds()/(two.cpu+three.cpu).Seconds())
	}
	b.ReportMetric(median(ours), "ours/s")
	b.ReportMetric(median(theirs), "bare/s")
	b.ReportMetric(median(ratios), "%")
	b.ReportMetric(median(cpu), "%cpu")
	b.ReportMetric(0, "ns/op")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// nowhere is a Sink that takes no notice.
type nowhere struct{}

func (nowhere) Hold(uint64) bool                        { return false }
func (nowhere) Accepted(context.Context, spool.Message) {}
