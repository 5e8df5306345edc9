package testscripts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// caller is one client.
type caller struct {
	t    *testing.T
	in   *inward
	from string
	conn net.Conn
	r    *lineReader
}

// newcomer is a client of a network that has not come yet.
func (in *inward) newcomer(t *testing.T, network string) *caller {
	n := in.last.Add(1)
	return &caller{t: t, in: in, from: fmt.Sprintf("%s.%d.%d", network, n/250, 1+n%250)}
}

// call connects.
func (c *caller) call(listener string) *caller {
	c.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}, Timeout: patience}
	conn, err := d.Dial("tcp", c.in.listener(c.t, listener))
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	c.t.Cleanup(func() { conn.Close() })
	c.use(conn)
	return c
}

func (c *caller) use(conn net.Conn) { c.conn, c.r = conn, newLineReader(conn) }

// say sends a line, and hears the reply; a - in place of the line sends none.
func (c *caller) say(line, want string) string {
	c.t.Helper()
	if line != "-" {
		fmt.Fprintf(c.conn, "%s\r\n", line)
	}
	var reply strings.Builder
	for {
		got, err := c.r.next()
		reply.WriteString(got + "\n")
		if err != nil || !strings.HasPrefix(got, want[:3]) {
			c.t.Fatalf("%q is answered with %q (%v), want %q", line, reply.String(), err, want)
		}
		if len(got) > 3 && got[3] == ' ' {
			if !strings.HasPrefix(got, want) {
				c.t.Fatalf("%q is answered with %q, want %q", line, reply.String(), want)
			}
			return reply.String()
		}
	}
}

// ready goes as far as the 220 to STARTTLS.
func (c *caller) ready() *caller {
	c.t.Helper()
	c.say("-", "220 ")
	if offer := c.say("EHLO client.example", "250 SIZE"); !strings.Contains(offer, "STARTTLS") {
		c.t.Errorf("STARTTLS is not offered: %s", offer)
	}
	c.say("STARTTLS", "220 2.0.0 Go ahead with TLS")
	return c
}

// rest reads until the far end closes, closes too, and returns what else was said.
func (c *caller) rest() string {
	var said bytes.Buffer
	io.Copy(&said, c.r.from)
	c.conn.Close()
	return said.String()
}

// program runs a client that is not ours from the caller's address and returns its output. It ends by itself or is at
// the end of its input.
func (c *caller) program(stdin string, args ...string) string {
	c.t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		c.t.Skip("needs " + args[0])
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	cmd.Stdin = strings.NewReader(stdin)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// openssl is s_client that says QUIT behind the handshake and hears the server out.
func (c *caller) openssl(listener string, args ...string) string {
	c.t.Helper()
	call := []string{"openssl", "s_client", "-connect", c.in.listener(c.t, listener), "-bind", c.from + ":0", "-crlf", "-ign_eof"}
	if listener != "Submissions" {
		call = append(call, "-starttls", "smtp")
	}
	return c.program("QUIT\n", append(call, args...)...)
}

var (
	comesLine  = regexp.MustCompile(`New SMTP ICID (\d+) interface .* address (\S+) reverse`)
	icidLine   = regexp.MustCompile(`Info: (Start MID \d+ |MID \d+ )?ICID (\d+) ?(.*)$`)
	accessLine = regexp.MustCompile(`^(ACCEPT|RELAY|REJECT) SG `)
)

// visits are the lines of mail_logs about a caller's connections once all of them are closed: those between the host
// access table's decision and the close, without OpenSSL's numbers and with the caller's address as ADDR.
func (c *caller) visits(n int) []string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	var said []string
	err := poll(ctx, func() bool {
		var closed int
		said, closed = c.read(c.in.log(c.t))
		return closed >= n
	})
	if err != nil {
		c.t.Fatalf("%d connections of %s are not over:\n%s", n, c.from, strings.Join(said, "\n"))
	}
	return said
}

func (c *caller) read(text string) (said []string, closed int) {
	mine := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := comesLine.FindStringSubmatch(line); m != nil && m[2] == c.from {
			mine[m[1]] = true
			continue
		}
		m := icidLine.FindStringSubmatch(line)
		if m == nil || !mine[m[2]] {
			continue
		}
		switch what := m[3]; {
		case what == "close":
			closed++
		case m[1] != "":
			said = append(said, "MID "+what)
		case !accessLine.MatchString(what):
			what = openSSL.ReplaceAllString(what, "$1")
			said = append(said, strings.ReplaceAll(what, c.from, "ADDR"))
		}
	}
	return said, closed
}

// want holds what mail_logs says of the caller's one connection against lines in which a * stands for anything.
func (c *caller) want(lines ...string) {
	c.t.Helper()
	got := strings.Join(c.visits(1), "\n")
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(lines, "\n")), `\*`, ".*")
	if !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
		c.t.Errorf("mail_logs:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}
