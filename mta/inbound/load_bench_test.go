package inbound

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
)

// loadOrder names what this program plays the client for, in a process of its own: the time that clients take is then
// not in the figures.
const loadOrder = "INBOUND_BENCH_LOAD"

func TestMain(m *testing.M) {
	if order := os.Getenv(loadOrder); order != "" {
		if err := playLoad(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const loadSessions = 50

// loadHello and loadTurns are what one client says, and the replies of the server that answers from a fixed text.
var (
	loadHello = []benchTurn{{inClear[0].said, inTLS[0].reply}}
	loadTurns = []benchTurn{inTLS[1], inTLS[2], inTLS[3], {loadContent() + ".\r\n", inTLS[4].reply}}
	loadQuit  = []benchTurn{inTLS[5]}
)

// loadContent is a message of 4 KiB, in which one line in sixteen begins with a dot.
func loadContent() string {
	header, _, _ := strings.Cut(benchContent, "\r\n\r\n")
	var b strings.Builder
	b.WriteString(header + "\r\n\r\n")
	for i := 0; b.Len() < 4096; i++ {
		if i%16 == 15 {
			b.WriteString("..")
		}
		b.WriteString(strings.Repeat("posthouse", 9)[:76] + "\r\n")
	}
	return b.String()
}

// playLoad sends messages as an order says: to which address, how many, and how many on each connection.
func playLoad(order string) error {
	var addr string
	var total int64
	var each int
	if _, err := fmt.Sscan(order, &addr, &total, &each); err != nil {
		return err
	}
	var taken atomic.Int64
	errs := make(chan error, loadSessions)
	for range loadSessions {
		go func() {
			for taken.Load() < total {
				if err := playConnection(addr, func() bool { return taken.Add(1) <= total }, each); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range loadSessions {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// playConnection sends up to most messages on one connection, as long as there is a next one.
func playConnection(addr string, next func() bool, most int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Minute))
	r := bufio.NewReaderSize(conn, 1024)
	if err := benchHear(r); err != nil {
		return err
	}
	if err := benchSay(conn, r, loadHello); err != nil {
		return err
	}
	for range most {
		if !next() {
			break
		}
		if err := benchSay(conn, r, loadTurns); err != nil {
			return err
		}
	}
	return benchSay(conn, r, loadQuit)
}

// bareLoad answers from the fixed text, with the system calls that any server needs and nothing else.
func bareLoad(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { bareLoadSession(conn) })
		}
	})
	b.Cleanup(func() {
		ln.Close()
		sessions.Wait()
	})
	return ln.Addr().String()
}

func bareLoadSession(conn net.Conn) {
	defer conn.Close()
	io.WriteString(conn, "220 mail.example.com ESMTP\r\n")
	r := bufio.NewReaderSize(conn, 8<<10)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch turn := bareTurn(line); {
		case turn == nil:
			return
		case line[0] == 'D':
			io.WriteString(conn, turn.reply)
			if r.Buffered() == 0 {
				r.Peek(1)
			}
			r.Discard(len(loadTurns[3].said))
			io.WriteString(conn, loadTurns[3].reply)
		default:
			io.WriteString(conn, turn.reply)
		}
	}
}

func bareTurn(line []byte) *benchTurn {
	for _, list := range [][]benchTurn{loadTurns, loadHello, loadQuit} {
		for i := range list {
			if bytes.Equal(line[:4], []byte(list[i].said[:4])) {
				return &list[i]
			}
		}
	}
	return nil
}

// BenchmarkReceive has 50 sessions at once send messages of 4 KiB, a hundred on a connection (W1) or one (W2), to a
// listener whose spool forgets and whose mail_logs are on disk, and to a server that answers from a fixed text. The
// clients are another process. It reports the processor's microseconds a message, this program's own and the kernel's.
func BenchmarkReceive(b *testing.B) {
	for _, shape := range []struct {
		name string
		each int
	}{{"W1", 100}, {"W2", 1}} {
		b.Run(shape.name+"/bare", func(b *testing.B) { benchLoad(b, bareLoad(b), shape.each) })
		b.Run(shape.name+"/listener", func(b *testing.B) {
			r := newRig(b, func(_ *rig, _ *config.Config, l *config.Listener) {
				l.HostAccess.Default.MaxConcurrency, l.HostAccess.Default.MaxMessages = new(1000), new(1000)
			})
			r.l.opts.Spool, r.l.opts.Sink, r.l.opts.Ended = &discard{}, nowhere{}, nil
			benchLoad(b, r.addr, shape.each)
		})
	}
}

func benchLoad(b *testing.B, addr string, each int) {
	b.ReportAllocs()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", loadOrder, addr, b.N, each))
	child.Stderr = os.Stderr
	b.ResetTimer()
	user, kernel := benchTimes(b)
	if err := child.Run(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	user2, kernel2 := benchTimes(b)
	b.ReportMetric(float64((user2-user).Nanoseconds())/1000/float64(b.N), "user-µs/op")
	b.ReportMetric(float64((kernel2-kernel).Nanoseconds())/1000/float64(b.N), "kernel-µs/op")
}

// benchTimes is the processor time of this process so far.
func benchTimes(b *testing.B) (user, kernel time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// BenchmarkIdle has a thousand sessions wait for a command, and reports what each holds; the client's end, which is in this
// process, included.
func BenchmarkIdle(b *testing.B) {
	b.Run("bare", func(b *testing.B) { benchIdle(b, bareLoad(b)) })
	b.Run("listener", func(b *testing.B) {
		r := newRig(b, func(_ *rig, c *config.Config, l *config.Listener) {
			l.MaxConnections, l.HostAccess.Default.MaxConcurrency = 2000, new(2000)
		})
		benchIdle(b, r.addr)
	})
}

func benchIdle(b *testing.B, addr string) {
	const sessions = 1000
	for b.Loop() {
		before := benchMemory()
		conns := make([]net.Conn, sessions)
		for i := range conns {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			conns[i] = conn
			r := bufio.NewReaderSize(conn, 1024)
			if err := benchHear(r); err != nil {
				b.Fatal(err)
			}
			if err := benchSay(conn, r, loadHello); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(benchMemory()-before)/sessions, "B/session")
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// benchMemory is what the heap and the stacks hold.
func benchMemory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
