package shell

import (
	"context"
	"errors"
	"net"

	gossh "golang.org/x/crypto/ssh"
)

// consoleUser is who works at the console: the machine's owner, who needs no password.
const consoleUser = "admin"

// ServeUnix serves the console: SSH without a login over the unix socket l, which only the machine's owner can open. It
// closes l and returns when ctx has ended; Run waits for the connections.
func (srv *Server) ServeUnix(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			l.Close()
			return err
		}
		p := newPeer(conn, methodConsole, srv.opts.handshake(), srv.opts.idle())
		if !srv.register(p) || !srv.enter() {
			srv.forget(p)
			continue
		}
		go func() {
			defer srv.wg.Done()
			defer srv.forget(p)
			defer srv.recovered("the console")
			srv.console(p)
		}()
	}
}

// console serves one connection to the unix socket. That it could be opened is the proof of who it is.
func (srv *Server) console(p *peer) {
	perm := &gossh.Permissions{Extensions: map[string]string{extUser: consoleUser, extMethod: methodConsole}}
	c := &gossh.ServerConfig{
		NoClientAuth:         true,
		NoClientAuthCallback: func(gossh.ConnMetadata) (*gossh.Permissions, error) { return perm, nil },
	}
	c.AddHostKey(srv.opts.HostKeys[0])
	conn, channels, requests, err := gossh.NewServerConn(p, c)
	if err != nil {
		return
	}
	defer conn.Close()
	p.authenticated()
	go gossh.DiscardRequests(requests) // ends with the connection
	for nc := range channels {
		if nc.ChannelType() != "session" || !srv.enter() {
			nc.Reject(gossh.UnknownChannelType, "only sessions are served")
			continue
		}
		go func() {
			defer srv.wg.Done()
			srv.serveChannel(p, conn, perm, nc)
		}()
	}
}
