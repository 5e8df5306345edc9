package outbound

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta/deliverylog"
	"posthouse/mta/maillog"
	"posthouse/mta/metrics"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// sinkVariable makes the test's binary a sink: a process of its own, so that its time is not counted as ours. Its value is
// what it offers.
const sinkVariable = "OUTBOUND_TEST_SINK"

// serveSink takes all mail until its input ends.
func serveSink() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go sinkSession(conn)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func sinkSession(conn net.Conn) {
	defer conn.Close()
	r, w := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	w.WriteString("220 sink\r\n")
	data := false
	for {
		if r.Buffered() == 0 {
			w.Flush()
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case data:
			if string(line) == ".\r\n" {
				data = false
				w.WriteString("250 2.0.0 Ok: queued as 4F3C2A1B\r\n")
			}
		case bytes.HasPrefix(line, []byte("EHLO")):
			w.WriteString("250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n")
			if offer := os.Getenv(sinkVariable); offer != "-" {
				w.WriteString("250-" + offer + "\r\n")
			}
			w.WriteString("250 ENHANCEDSTATUSCODES\r\n")
		case bytes.HasPrefix(line, []byte("MAIL")):
			w.WriteString("250 2.1.0 Ok\r\n")
		case bytes.HasPrefix(line, []byte("RCPT")):
			w.WriteString("250 2.1.5 Ok\r\n")
		case bytes.HasPrefix(line, []byte("BDAT")):
			n, _ := strconv.Atoi(string(bytes.Fields(line)[1]))
			r.Discard(n)
			w.WriteString("250 2.0.0 Ok: queued as 4F3C2A1B\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			w.WriteString("354 End data with <CR><LF>.<CR><LF>\r\n")
		default:
			w.WriteString("221 Bye\r\n")
			w.Flush()
			return
		}
	}
}

// startSink starts one and returns its address.
func startSink(b *testing.B, offer string) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sinkVariable+"="+offer)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// endless is a queue that always has another message, until it has none.
type endless struct {
	nobody
	left atomic.Int64
	bad  atomic.Int64
}

func (r *endless) task() *queue.Task {
	mid := uint64(r.left.Add(-1))
	if int64(mid) < 0 {
		return nil
	}
	return &queue.Task{
		Envelope:   &spool.Envelope{MID: mid + 1, Sender: "sender@x.example", Size: int64(len(benchBody))},
		Recipients: []queue.Recipient{{Address: "recipient@peer.example", Destination: "peer.example"}},
	}
}

func (r *endless) Destination() string                      { return "peer.example" }
func (r *endless) Next(context.Context) (*queue.Task, bool) { t := r.task(); return t, t != nil }
func (r *endless) Up(string)                                {}
func (r *endless) Down(*queue.Failure)                      {}
func (r *endless) Bar(*queue.Failure)                       {}
func (r *endless) Pressed() bool                            { return false }
func (r *endless) Settle(_ *queue.Task, results []queue.Result) []queue.Result {
	for i := range results {
		if results[i].Outcome != queue.Delivered {
			r.bad.Add(1)
		}
	}
	return results
}

var benchBody = []byte("Subject: hello\r\nFrom: sender@x.example\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 57))

// inMemory is a spool whose every message has the same content.
type inMemory struct{}

func (inMemory) Open(uint64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(benchBody)), nil
}

// userTime is the time that this process has spent outside of the kernel.
func userTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano())
}

// BenchmarkRelay sends messages of 4 KiB to one relay by a route, many over each of eight connections, with all that is
// told of them. The figure to look at is the user time.
func BenchmarkRelay(b *testing.B) {
	for name, offer := range map[string]string{"DATA": "-", "CHUNKING": "CHUNKING"} {
		b.Run(name, func(b *testing.B) { benchRelay(b, startSink(b, offer)) })
	}
}

func benchRelay(b *testing.B, to string) {
	dir := b.TempDir()
	open := func(o eventlog.Options) *eventlog.Log {
		o.Dir = dir
		l, err := eventlog.Open(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		return l
	}
	mail := maillog.New(open(eventlog.Options{Name: "mail_logs", File: "mail", Type: "Text Mail Logs"}))
	delivered := deliverylog.New(open(eventlog.Options{Name: deliverylog.Name, File: deliverylog.File, Type: deliverylog.Type, Raw: true}))
	counted := metrics.New("test")
	conf := config.Default("mail.example.com")
	conf.Authorities.System = false
	conf.Routes = map[string]*config.Route{"peer.example": {Hops: []string{"[127.0.0.1]" + to[strings.LastIndexByte(to, ':'):]}}}
	trust, err := tlspolicy.NewTrust(conf, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	world := World{Config: conf, Resolver: &dns.Fake{}, Trust: trust}
	var dcid atomic.Uint64
	d := New(Options{
		World: func() World { return world }, Spool: inMemory{}, Log: mail, NextDCID: func() uint64 { return dcid.Add(1) },
		Sent: func(s Sent) {
			delivered.Attempted(deliverylog.Attempt{
				At: s.At, Duration: s.Duration, MID: s.MID, Sender: s.Sender, RIDs: s.RIDs, Recipients: s.Recipients, Size: s.Size,
				Outcome: deliverylog.Outcome(s.Outcome), Protection: deliverylog.Clear, Code: s.Code, Response: s.Response, Record: s.Record,
			})
			counted.Attempted(string(s.Outcome), "clear", len(s.RIDs))
		},
	})
	r := &endless{}
	r.left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	before := userTime()
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			if first := r.task(); first != nil {
				d.deliver(context.Background(), r, first)
			}
		}()
	}
	for range 8 {
		<-done
	}
	b.ReportMetric(float64((userTime()-before).Nanoseconds())/1000/float64(b.N), "user-µs/op")
	if n := r.bad.Load(); n > 0 {
		b.Fatalf("%d messages were not delivered", n)
	}
}
