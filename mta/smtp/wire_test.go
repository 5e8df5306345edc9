package smtp

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// watched is a connection that says a line at each read, and checks that a deadline fits at each read and write.
type watched struct {
	net.Conn
	t           *testing.T
	least, most time.Duration // in which a deadline has to be, from the moment on
	until       time.Time     // ... but not behind this
	stop        func()        // called at the first read
	said        string
	moved       int
	readBy      time.Time
	writeBy     time.Time
}

func (w *watched) SetReadDeadline(t time.Time) error {
	w.moved++
	w.readBy = t
	return nil
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	w.moved++
	w.writeBy = t
	return nil
}

func (w *watched) check(what string, by time.Time) {
	const aMoment = 10 * time.Second // between the look at the clock and this one
	now := time.Now()
	if by.Before(now.Add(w.least-aMoment)) && !by.Equal(w.until) || by.After(now.Add(w.most)) || by.After(w.until) {
		w.t.Errorf("%s with %v left", what, by.Sub(now))
	}
}

func (w *watched) Read(p []byte) (int, error) {
	w.check("read", w.readBy)
	if w.stop != nil {
		stop := w.stop
		w.stop = nil
		stop()
	}
	if w.said == "" {
		return 0, io.EOF
	}
	return copy(p, w.said), nil
}

func (w *watched) Write(p []byte) (int, error) {
	w.check("write", w.writeBy)
	return len(p), nil
}

func (w *watched) Close() error { return nil }

// TestDeadlines wants one that fits at each read and write, without moving it each time.
func TestDeadlines(t *testing.T) {
	const each = 5 * time.Minute
	for _, session := range []time.Duration{time.Hour, time.Minute} {
		conn := &watched{t: t, least: each, most: each + time.Second, said: "NOOP\r\n"}
		c := newWire(conn, each, session)
		conn.until = c.sessionEnd
		for range 1000 {
			if line, err := c.command(false); err != nil || string(line) != "NOOP" {
				t.Fatalf("%q, %v", line, err)
			}
			c.reply(replyOK)
			if block, err := c.block(); err != nil || len(block) != len(conn.said) {
				t.Fatalf("%q, %v", block, err)
			}
			c.consumed(len(conn.said))
			c.reply(replyOK)
		}
		// One for each second that this takes, more or less, and one where it began.
		if conn.moved > 100 {
			t.Errorf("deadlines were moved %d times for 4000 reads and writes", conn.moved)
		}
		conn.least, conn.most = time.Minute, time.Minute+time.Second
		c.setTime(time.Minute)
		if _, err := c.command(false); err != nil {
			t.Fatal(err)
		}
		c.close()
	}
}

// TestOneDeadlineForACommand wants a command that comes in pieces to have no more time than one that comes at once.
func TestOneDeadlineForACommand(t *testing.T) {
	conn := &watched{t: t, most: 2 * time.Minute, said: strings.Repeat("N", 100)}
	c := newWire(conn, time.Minute, time.Hour)
	conn.until = c.sessionEnd
	if _, err := c.command(false); !errors.Is(err, errFlood) {
		t.Error(err)
	}
	if conn.moved != 1 {
		t.Errorf("the deadline was moved %d times", conn.moved)
	}
}

// TestStopWithATransaction wants a stop that comes while a session rests to be the end of that rest only, and not to leave
// its deadline for what is read in a transaction.
func TestStopWithATransaction(t *testing.T) {
	conn := &watched{t: t, least: time.Minute, most: 2 * time.Minute, said: "NOOP\r\n"}
	c := newWire(conn, time.Minute, time.Hour)
	conn.until, conn.stop = c.sessionEnd, c.stop
	if line, err := c.command(false); err != nil || string(line) != "NOOP" {
		t.Fatalf("what had come before the stop: %q, %v", line, err)
	}
	for _, transaction := range []bool{true, false} {
		line, err := c.command(transaction)
		if transaction != (err == nil) || err != nil && !errors.Is(err, ErrStopped) {
			t.Errorf("in a transaction %v: %q, %v", transaction, line, err)
		}
	}
}

// TestOneWriteForABatch wants the replies to commands that came together to be sent together, and many of them in parts.
func TestOneWriteForABatch(t *testing.T) {
	for _, test := range []struct{ commands, most int }{{5, 1}, {60, 1}, {1000, 4}} {
		client, server := net.Pipe()
		go func() {
			io.WriteString(client, "EHLO a.example\r\n"+strings.Repeat("RSET\r\n", test.commands)+"QUIT\r\n")
		}()
		counted := &countedWrites{Conn: server}
		done := make(chan struct{})
		go func() {
			defer close(done)
			NewSession(counted, testOptions, &recorder{tb: t}).Serve(t.Context())
		}()
		text, err := io.ReadAll(client)
		if err != nil || strings.Count(string(text), "250 2.0.0 ok\r\n") != test.commands || !strings.HasSuffix(string(text), "221 2.0.0 mail.example.com\r\n") {
			t.Errorf("%d commands: %.200q, %v", test.commands, text, err)
		}
		<-done
		// The banner, and what is read at once: few bytes first, then a buffer.
		if reads := 2 + (6*test.commands+fewBytes)/readBuffer; counted.writes > 1+reads+test.most {
			t.Errorf("%d commands are answered in %d writes", test.commands, counted.writes)
		}
		client.Close()
	}
}

type countedWrites struct {
	net.Conn
	writes int
}

func (c *countedWrites) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}
