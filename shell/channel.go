package shell

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// channel is one SSH session channel (RFC 4254 §6): the requests that shape it, and the session that works in it.
type channel struct {
	srv  *Server
	peer *peer
	id   identity
	ch   gossh.Channel
	conn io.Closer // the whole connection

	pty  *ptyRequest
	sess *Session
	out  *stallWriter

	transfer func() int // scp or sftp instead of a session's commands

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	quit   chan struct{} // closed when the session is over

	settle chan chan struct{} // what is sent here is closed once every request that has come is answered
	silent chan struct{}      // closed when no more requests come
}

// ptyRequest is the payload of pty-req (RFC 4254 §6.2).
type ptyRequest struct {
	Term                          string
	Width, Height, PixelW, PixelH uint32
	Modes                         string
}

// windowChange is the payload of window-change (RFC 4254 §6.7).
type windowChange struct{ Width, Height, PixelW, PixelH uint32 }

// serveChannel accepts a session channel and works in it until it is over.
func (srv *Server) serveChannel(p *peer, conn gossh.Conn, perm *gossh.Permissions, nc gossh.NewChannel) {
	defer srv.recovered("a session")
	id, ok := proven(perm, p.remote)
	if !ok {
		p.refuse(nc, gossh.Prohibited, "not logged in")
		return
	}
	id.local = localAddress(p.Conn)
	if !p.take() {
		p.refuse(nc, gossh.ResourceShortage, "too many sessions over this connection")
		return
	}
	defer p.give()
	if srv.channels.Add(1) > maxSessions {
		srv.channels.Add(-1) // at once: the refusal may wait for its reader
		p.refuse(nc, gossh.ResourceShortage, "too many sessions on this appliance")
		return
	}
	defer srv.channels.Add(-1)
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	c := &channel{srv: srv, peer: p, id: id, ch: ch, conn: conn, quit: make(chan struct{}), settle: make(chan chan struct{}), silent: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(srv.base)
	c.serve(requests)
}

// serve answers requests as long as the channel is open. Window changes are taken at any time, so that they never pile up.
func (c *channel) serve(requests <-chan *gossh.Request) {
	idle := time.AfterFunc(c.srv.opts.handshake(), func() { c.ch.Close() }) // a channel in which nothing is started
	defer idle.Stop()
	c.answerAll(requests, idle)
	c.cancel()
	c.work.Wait()
	c.ch.Close()
}

// answerAll answers requests until no more come.
func (c *channel) answerAll(requests <-chan *gossh.Request, idle *time.Timer) {
	defer close(c.silent)
	for {
		select {
		case req, ok := <-requests:
			if !ok {
				return
			}
			c.answer(req, idle)
		case settled := <-c.settle:
			for range len(requests) { // nobody else takes them, so none of these is waited for
				if req, ok := <-requests; ok {
					c.answer(req, idle)
				}
			}
			close(settled)
		}
	}
}

func (c *channel) answer(req *gossh.Request, idle *time.Timer) {
	ok := c.request(req)
	if c.sess != nil {
		idle.Stop()
	}
	if req.WantReply {
		req.Reply(ok, nil)
	}
	switch {
	case !ok || c.sess == nil:
	case c.transfer != nil && (req.Type == "exec" || req.Type == "subsystem"):
		c.beginTransfer()
	case req.Type == "shell" || req.Type == "exec":
		c.begin(req)
	}
}

// orderly reads what a client sends after every request that came before it was answered: a key that is pressed right after
// the window has changed finds its new size.
type orderly struct{ c *channel }

// Read is io.Reader's.
func (r orderly) Read(b []byte) (int, error) {
	n, err := r.c.ch.Read(b)
	settled := make(chan struct{})
	select {
	case r.c.settle <- settled:
		select {
		case <-settled:
		case <-r.c.silent:
		}
	case <-r.c.silent:
	}
	return n, err
}

// request acts on one request and says whether it is granted. Environment variables, subsystems but sftp, forwarding of X11
// and of agents are all refused.
func (c *channel) request(req *gossh.Request) bool {
	switch req.Type {
	case "subsystem":
		start, ok := c.transferring(req)
		return ok && c.prepareTransfer(start)
	case "pty-req":
		var pty ptyRequest
		if c.pty != nil || c.sess != nil || gossh.Unmarshal(req.Payload, &pty) != nil {
			return false
		}
		c.pty = &pty
		return true
	case "window-change":
		var size windowChange
		if c.pty == nil || gossh.Unmarshal(req.Payload, &size) != nil {
			return false
		}
		c.pty.Width, c.pty.Height = size.Width, size.Height
		if c.sess != nil {
			c.sess.scr.resize(size.Width, size.Height)
			c.sess.typed.resize()
		}
		return true
	case "shell", "exec":
		if start, ok := c.transferring(req); ok {
			return c.prepareTransfer(start)
		}
		return c.prepare(req)
	case "signal":
		return c.signal(req.Payload)
	case "break":
		return c.sess != nil && c.interrupt()
	}
	return false
}

// signal acts on a signal that the client passes on (RFC 4254 §6.9).
func (c *channel) signal(payload []byte) bool {
	var sig struct{ Name string }
	if c.sess == nil || gossh.Unmarshal(payload, &sig) != nil {
		return false
	}
	switch sig.Name {
	case "INT":
		return c.interrupt()
	case "HUP", "TERM", "KILL", "QUIT":
		c.cancel()
		return true
	}
	return false
}

func (c *channel) interrupt() bool {
	c.sess.interrupt()
	return true
}

// prepare makes the session for a shell or exec request.
func (c *channel) prepare(req *gossh.Request) bool {
	var cmd struct{ Line string }
	if c.sess != nil || req.Type == "exec" && gossh.Unmarshal(req.Payload, &cmd) != nil {
		return false
	}
	w := lines
	switch {
	case req.Type == "exec", c.id.command != "":
		w = exec
	case c.pty != nil:
		w = terminal
	}
	s := newSession(&c.srv.opts, c.id, w)
	c.out = &stallWriter{w: c.ch, c: c}
	errs := &stallWriter{w: c.ch.Stderr(), c: c}
	if c.pty != nil {
		s.attachTerminal(c.out, errs, c.srv.history(s))
		s.scr.resize(c.pty.Width, c.pty.Height)
		s.breaks = modern(c.pty.Term)
	} else {
		s.attach(c.out, errs, w == lines)
	}
	c.sess = s
	return true
}

// begin starts the session's work beside the loop that answers requests.
func (c *channel) begin(req *gossh.Request) {
	cmd := struct{ Line string }{c.id.command} // what a shell request runs that came with a key bound to it
	if req.Type == "exec" {
		gossh.Unmarshal(req.Payload, &cmd)
	}
	c.work.Go(func() { c.sess.typed.pump(orderly{c}, c.quit) })
	c.work.Go(func() {
		defer c.srv.recovered("a session")
		c.sess.live = c.srv.sessions.add(c.id)
		defer c.srv.sessions.remove(c.sess.live) // once the client has been told: the server that stops waits for it
		status := c.run(cmd.Line)
		close(c.quit)
		c.ch.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(status)}))
		c.ch.CloseWrite()
		c.ch.Close()
	})
}

// run works the session and returns its exit status.
func (c *channel) run(line string) (status int) {
	s, srv := c.sess, c.srv
	defer func() {
		if r := recover(); r != nil {
			srv.system("fault in a session of the user %s: %v\n%s", c.id.user, r, debug.Stack())
			status = statusFailed
		}
	}()
	if s.way == exec {
		return s.runExec(c.ctx, line)
	}
	began := srv.opts.now()
	last := srv.opts.logins.lastLogin(c.id.user)
	number := srv.opts.logins.in(c.id)
	defer func() { srv.opts.logins.out(number) }()
	s.banner(last)
	if c.pty != nil && modern(c.pty.Term) {
		s.scr.raw("\x1b[?2004h")
		defer s.scr.raw("\x1b[?2004l")
	}
	status = s.interact(c.ctx)
	srv.auth("The user %s from %s logged out after %s.", c.id.user, c.id.remote, srv.opts.now().Sub(began).Round(time.Second))
	return status
}

// modern says whether a terminal is one of those that people sit at today, which mark what is pasted when they are asked
// to. Others would print the request.
func modern(term string) bool {
	for _, name := range []string{"xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "kitty", "wezterm"} {
		if strings.HasPrefix(term, name) {
			return true
		}
	}
	return false
}

// stallWriter ends the session of a client that reads nothing for as long as a session may be idle: first its channel,
// which frees a client that still answers, then its connection.
type stallWriter struct {
	w io.Writer
	c *channel
}

func (w *stallWriter) Write(b []byte) (int, error) {
	limit := w.c.srv.opts.stall()
	soft := time.AfterFunc(limit, func() { w.c.cancel(); w.c.ch.Close() })
	hard := time.AfterFunc(limit+closeAfterStall, func() { w.c.conn.Close() })
	defer soft.Stop()
	defer hard.Stop()
	n, err := w.w.Write(b)
	if err != nil {
		return n, fmt.Errorf("%w: %w", errGone, err)
	}
	return n, nil
}
