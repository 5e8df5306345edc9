package shell

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Refusals of strangers are logged up to refusalsLogged in refusalsWindow; the rest is counted, so that who knocks without
// end fills no log.
const (
	refusalsLogged = 20
	refusalsWindow = time.Minute
)

// refusals counts the connections that were refused for the address they come from.
type refusals struct {
	mu     sync.Mutex
	began  time.Time // of the present window
	logged int       // in it
	silent int       // since the last line
}

// line says whether a refusal at now is to be logged, and how many before it were not.
func (r *refusals) line(now time.Time) (yes bool, before int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.began) >= refusalsWindow {
		r.began, r.logged = now, 0
	}
	if r.logged >= refusalsLogged {
		r.silent++
		return false, 0
	}
	r.logged++
	before, r.silent = r.silent, 0
	return true, before
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
	if yes, before := srv.refused.line(srv.opts.now()); yes {
		text := "A connection from " + remote + " was refused: adminaccessconfig does not admit the address."
		if before > 0 {
			text += " Before it, " + plural(before, "refusal") + " left no line."
		}
		log(srv.opts.Auth, text)
	}
	return false
}
