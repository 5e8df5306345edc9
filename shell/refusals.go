package shell

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Of the connections of strangers that come to nothing in one way refusalsLogged have a line in refusalsWindow; the rest is
// counted, so that who knocks without end fills no log.
const (
	refusalsLogged = 20
	refusalsWindow = time.Minute
)

// refusals counts the connections that came to nothing in one way.
type refusals struct {
	mu     sync.Mutex
	began  time.Time // of the present window
	logged int       // in it
	silent int       // since the last line
}

// line is what is logged about one of them at now, with how many before it had no line; empty where it has none either. what
// is the word for one.
func (r *refusals) line(now time.Time, text, what string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.began) >= refusalsWindow {
		r.began, r.logged = now, 0
	}
	if r.logged >= refusalsLogged {
		r.silent++
		return ""
	}
	r.logged++
	if r.silent > 0 {
		text = strings.TrimSuffix(text, ".") + "; before it, " + plural(r.silent, what) + " left no line."
		r.silent = 0
	}
	return text
}

// welcome says whether operators may come from where the connection does; if not, the refusal is logged.
func (srv *Server) welcome(conn net.Conn) bool {
	settings := srv.running().Shell
	remote := remoteAddress(conn)
	if len(settings.Access) == 0 {
		return true
	}
	if a, err := netip.ParseAddr(remote); err == nil && settings.Admits(a) {
		return true
	}
	text := "A connection from " + remote + " was refused: adminaccessconfig does not admit the address."
	if text = srv.refused.line(srv.opts.now(), text, "refusal"); text != "" {
		log(srv.opts.Auth, text)
	}
	return false
}
