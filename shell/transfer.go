package shell

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/internal/scp"
)

// transferring says whether a request begins a transfer of files: the sftp subsystem, or the exec request of "scp -O".
func (c *channel) transferring(req *gossh.Request) (start func() int, ok bool) {
	if c.srv.opts.Files == nil || c.pty != nil || c.sess != nil || c.id.command != "" {
		return nil, false
	}
	var word struct{ Text string } // the subsystem's name, or the command line
	if gossh.Unmarshal(req.Payload, &word) != nil {
		return nil, false
	}
	switch req.Type {
	case "subsystem":
		if word.Text == "sftp" {
			return c.sftp, true
		}
	case "exec":
		if r, ok := scpRequest(word.Text); ok {
			return func() int { return c.scp(r, word.Text) }, true
		}
	}
	return nil, false
}

// scpRequest reads the line that "scp -O" sends. Its words are quoted for a shell; where they make no sense so, as our own lines
// are.
func scpRequest(line string) (r scp.Request, ok bool) {
	if checkText(line) != nil {
		return r, false
	}
	words, ok := scp.Words(line)
	if !ok {
		list, err := parseLine(line)
		if err != nil || len(list) != 1 || len(list[0].pipes) > 0 {
			return r, false
		}
		words = list[0].words
	}
	if len(words) == 0 || words[0] != "scp" {
		return r, false
	}
	return scp.Parse(words[1:])
}

// prepareTransfer grants a transfer, if there is room for one more.
func (c *channel) prepareTransfer(start func() int) bool {
	srv := c.srv
	select {
	case srv.transfers <- struct{}{}:
	default:
		srv.system("The user %s from %s is refused a transfer of files: %d are under way.", c.id.user, c.id.remote, maxTransfers)
		return false
	}
	c.sess = newSession(&srv.opts, c.id, exec)
	c.out = &stallWriter{w: c.ch, c: c}
	c.transfer = start
	return true
}

// beginTransfer starts the work beside the loop that answers requests.
func (c *channel) beginTransfer() {
	c.work.Go(func() {
		defer func() { <-c.srv.transfers }()
		defer c.srv.recovered("a transfer of files")
		c.sess.live = c.srv.sessions.add(c.id)
		defer c.srv.sessions.remove(c.sess.live)
		defer c.ch.Close()
		status := c.runTransfer()
		c.ch.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(status)}))
		c.ch.CloseWrite()
	})
}

func (c *channel) runTransfer() (status int) {
	srv := c.srv
	defer func() {
		if r := recover(); r != nil {
			srv.system("fault in a transfer of the user %s: %v\n%s", c.id.user, r, debug.Stack())
			status = statusFailed
		}
	}()
	defer context.AfterFunc(c.ctx, func() { c.ch.Close() })()
	return c.transfer()
}

// visit is what a client of that program sees of the files. An idle one leaves when the server stops.
func (c *channel) visit(by string) (v *visit, leave func() bool) {
	c.sess.live.called(by)
	v = &visit{s: c.sess, files: c.srv.opts.Files, by: by}
	return v, context.AfterFunc(c.srv.opts.stopping, func() {
		if v.idle() {
			c.ch.Close()
		}
	})
}

// scp serves "scp -O".
func (c *channel) scp(r scp.Request, line string) int {
	v, leave := c.visit("scp")
	defer leave()
	c.sess.audit("'" + clip(line) + "'")
	if err := scp.Serve(r, v, c.patient(), c.out); err != nil {
		return statusFailed
	}
	return statusOK
}

// sftp serves the subsystem until the client leaves.
func (c *channel) sftp() int {
	v, leave := c.visit("sftp")
	defer leave()
	c.sess.audit("'sftp'")
	gate := &gatedWriter{w: c.out}
	defer gate.shut()
	err := sftp.NewRequestServer(sftpConn{c.patient(), gate, c.ch}, sftpFiles{v}.handlers()).Serve()
	if err != nil && err != io.EOF {
		c.sess.audit(fmt.Sprintf("sftp, which ended: %v", clip(err.Error())))
		return statusFailed
	}
	return statusOK
}

// gatedWriter keeps the library's last answers out of a channel that is being closed: one of its goroutines still writes
// when Serve is back.
type gatedWriter struct {
	mu     sync.Mutex // held while something is written, which the stallWriter bounds
	w      io.Writer
	closed bool
}

// Write is io.Writer's.
func (g *gatedWriter) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, io.ErrClosedPipe
	}
	return g.w.Write(b)
}

// shut waits for a write under way and refuses every later one.
func (g *gatedWriter) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// sftpConn is the channel as the library wants it.
type sftpConn struct {
	io.Reader
	io.Writer
	io.Closer
}

// patient is the channel's input. A client that says nothing for as long as a session may be idle loses its channel.
func (c *channel) patient() io.Reader { return patientReader{c} }

type patientReader struct{ c *channel }

// Read waits for the client.
func (r patientReader) Read(b []byte) (int, error) {
	late := time.AfterFunc(r.c.srv.opts.idle(), func() { r.c.cancel(); r.c.ch.Close() })
	defer late.Stop()
	n, err := r.c.ch.Read(b)
	r.c.sess.live.active(r.c.srv.opts.now())
	return n, err
}
