package commands

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"posthouse/internal/dns"
	"posthouse/shell"
)

const (
	telnetPort    = 25
	telnetConnect = 30 * time.Second // to look up and connect
	telnetBanner  = 10 * time.Second // how long lines that were piped in wait for the peer to speak first
	telnetQuiet   = 2 * time.Second  // of silence after the last line that was piped in
	telnetWrite   = 30 * time.Second // for one line
)

func telnet(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "telnet",
		Summary: "Connect to a port and talk to what answers there.",
		Roles:   shell.Operators,
		Batch:   []string{"telnet HOST [PORT] [INTERFACE]"},
		Help: `Each line goes to the peer when it is entered. Ctrl-C ends the connection, and so does the peer. There are no
escapes. The port is 25 where it is not said, the interface that of deliveries. Lines that are piped in wait for the
peer's first words; after the last one the connection ends when the peer has been silent for two seconds.`,
		Documents: []shell.Document{
			shell.Says("telnet"),
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			s.JSON = s.JSON && !s.Interactive() // a person sees what the peer says when it says it
			call, err := telnetArguments(a, s, args)
			if err != nil {
				return err
			}
			conn, err := call.dial(ctx, a, s)
			if err != nil {
				return err
			}
			return newConversation(s, conn).run(ctx)
		},
		Complete: func(s *shell.Session, args []string) []string {
			switch len(args) {
			case 0, 1:
				return startingWith(args, hostNames(a))
			case 3:
				return startingWith(args, interfaceNames(a.Config.Running().Config))
			}
			return nil
		},
	}
}

// calling is whom telnet calls.
type calling struct {
	host string
	port int
	from string // an interface, empty for the one of deliveries
}

func telnetArguments(a *Appliance, s *shell.Session, args []string) (c calling, err error) {
	if len(args) == 0 {
		return askTelnet(a, s)
	}
	c = calling{host: args[0], port: telnetPort}
	if len(args) > 1 {
		if c.port, err = number("port", args[1], 1, 65535); err != nil {
			return c, err
		}
	}
	if len(args) > 2 {
		c.from, err = interfaceNamed(a.Config.Running().Config, args[2])
	}
	if len(args) > 3 {
		err = shell.Usage("Invalid word %q: telnet takes a host, a port and an interface.", args[3])
	}
	return c, err
}

func askTelnet(a *Appliance, s *shell.Session) (c calling, err error) {
	running := a.Config.Running().Config
	names := interfaceNames(running)
	lines := []string{"Auto"}
	for _, name := range names {
		lines = append(lines, interfaceLine(name, running.Interfaces[name]))
	}
	n, err := s.Choose("Please select which interface you want to telnet from.", lines, 1)
	if err != nil {
		return c, err
	}
	c.from = slices.Insert(names, 0, "")[n-1]
	if c.host, err = s.Ask(shell.Question{Text: "Enter the remote hostname or IP address.", Required: true}); err != nil {
		return c, err
	}
	c.port, err = s.AskInt(shell.Question{Text: "Enter the remote port.", Default: strconv.Itoa(telnetPort)}, 1, 65535)
	return c, err
}

// dial looks the host up and tries its addresses in turn.
func (c calling) dial(ctx context.Context, a *Appliance, s *shell.Session) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, telnetConnect)
	defer cancel()
	addresses, err := c.addresses(ctx, a.Engine.Resolver())
	if err != nil {
		return nil, unresolved(c.host, "A or AAAA", err)
	}
	var failure error
	for _, addr := range addresses {
		s.Say("Trying %s...", addr)
		conn, err := a.Engine.Dial(ctx, c.from, netip.AddrPortFrom(addr, uint16(c.port)))
		if err == nil {
			s.Say("Connected to %s.", c.host)
			return conn, nil
		}
		failure = err
		var op *net.OpError
		if errors.As(err, &op) {
			failure = op.Err // the address is named already
		}
	}
	return nil, shell.Fail("Unable to connect to %s port %d: %v.", c.host, c.port, failure)
}

func (c calling) addresses(ctx context.Context, r dns.Resolver) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(strings.Trim(c.host, "[]")); err == nil {
		return []netip.Addr{addr}, nil
	}
	found, err := r.Addresses(ctx, c.host)
	var list []netip.Addr
	for _, f := range found {
		list = append(list, f.Addr)
	}
	return list, err
}

// conversation is an open connection between the session and a peer.
type conversation struct {
	s     *shell.Session
	conn  io.ReadWriteCloser
	heard chan struct{} // holds a token when the peer has said something
	gone  chan struct{} // closed when the peer says nothing any more
}

func newConversation(s *shell.Session, conn io.ReadWriteCloser) *conversation {
	return &conversation{s: s, conn: conn, heard: make(chan struct{}, 1), gone: make(chan struct{})}
}

func (t *conversation) run(ctx context.Context) error {
	t.s.Unpaged()
	stop := context.AfterFunc(ctx, func() { t.conn.Close() })
	defer stop()
	typing, typed := context.WithCancel(ctx)
	defer typed()
	go func() {
		defer typed() // nobody is left to type for
		defer close(t.gone)
		t.listen()
	}()
	err := t.talk(ctx, typing)
	t.conn.Close()
	<-t.gone
	return err
}

// listen prints what the peer says. Only line feeds and tabs keep their meaning: a peer must not steer the terminal.
func (t *conversation) listen() {
	from := bufio.NewReader(t.conn)
	var said strings.Builder
	for {
		r, size, err := from.ReadRune()
		switch {
		case err != nil:
		case r == unicode.ReplacementChar && size == 1:
			said.WriteByte('?')
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			said.WriteRune(r)
		case r != '\r':
			said.WriteByte('.')
		}
		if err != nil || from.Buffered() == 0 {
			io.WriteString(t.s, said.String())
			said.Reset()
			select {
			case t.heard <- struct{}{}:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// talk sends what is entered until the input or the connection ends.
func (t *conversation) talk(ctx, typing context.Context) error {
	if !t.s.Interactive() {
		t.await(ctx, telnetBanner)
	}
	for {
		if t.hungUp() {
			break
		}
		line, err := t.s.ReadLine(typing, "")
		if t.hungUp() {
			break
		}
		if err != nil {
			return t.inputEnded(ctx, err)
		}
		if err := t.send(line); err != nil {
			return shell.Fail("Unable to send: %v.", err)
		}
		if !t.s.Interactive() && strings.EqualFold(strings.TrimSpace(line), "quit") {
			// The peer closes now. Waiting for it keeps the script's next line from being taken for the peer's.
			t.silence(ctx)
		}
	}
	t.s.Say("Connection closed by foreign host.")
	return nil
}

func (t *conversation) hungUp() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

// inputEnded decides what the end of the input means: a person leaves, a pipe has said everything.
func (t *conversation) inputEnded(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil || errors.Is(err, shell.ErrInterrupted) || t.s.Interactive() && errors.Is(err, io.EOF):
		return nil
	case t.s.Interactive():
		return err
	}
	t.silence(ctx)
	return nil
}

// await waits until the peer has said something.
func (t *conversation) await(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.heard:
		return true
	case <-t.gone:
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// silence waits until the peer has been quiet for a while, or is gone.
func (t *conversation) silence(ctx context.Context) {
	for t.await(ctx, telnetQuiet) {
	}
}

func (t *conversation) send(line string) error {
	if conn, ok := t.conn.(net.Conn); ok {
		if err := conn.SetWriteDeadline(time.Now().Add(telnetWrite)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(t.conn, line+"\r\n")
	return err
}
