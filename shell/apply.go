package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"syscall"

	"posthouse/config"
)

// Prepare binds the SSH ports that new has and that are not bound yet.
func (srv *Server) Prepare(ctx context.Context, _, new *config.Config) (config.Prepared, error) {
	want := new.SSHPorts()
	p := &ports{srv: srv, ctx: ctx, bound: map[string]net.Listener{}}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for place := range srv.listeners {
		if _, keep := want[place]; !keep {
			p.gone = append(p.gone, place)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(want)) {
		if srv.listeners[place] != nil {
			continue
		}
		l, err := p.bind(want[place])
		if err != nil {
			p.undo()
			return nil, fmt.Errorf("SSH on interface %s: %w", want[place].Interface, err)
		}
		p.bound[place] = l
	}
	return p, nil
}

// ports is a prepared change of what is listened to.
type ports struct {
	srv    *Server
	ctx    context.Context
	bound  map[string]net.Listener
	gone   []string // places that the new configuration has no more
	closed []string // of them, those that had to make room already
}

// bind listens to a port. A port of ours that is to go may be in its way, such as 127.0.0.1:22 before 0.0.0.0:22; that
// one is closed first, and opened again if the change is given up. The caller holds the server's mu.
func (p *ports) bind(at config.SSHPort) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(p.ctx, "tcp", at.Address)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	_, port, _ := net.SplitHostPort(at.Address)
	for _, place := range p.gone {
		old := p.srv.listeners[place]
		if old == nil || slices.Contains(p.closed, place) {
			continue
		}
		if _, oldPort, _ := net.SplitHostPort(old.Addr().String()); oldPort == port {
			old.Close()
			p.closed = append(p.closed, place)
		}
	}
	return lc.Listen(p.ctx, "tcp", at.Address)
}

// Commit serves the new ports and closes those that are gone. Sessions that came through them live on.
func (p *ports) Commit() {
	srv := p.srv
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, place := range p.gone {
		if l := srv.listeners[place]; l != nil {
			l.Close()
			delete(srv.listeners, place)
		}
	}
	for place, l := range p.bound {
		if srv.closed {
			l.Close()
			continue
		}
		srv.listeners[place] = l
		if srv.serving {
			srv.serve(l)
		}
	}
}

// Abort gives the new ports back.
func (p *ports) Abort() {
	p.srv.mu.Lock()
	defer p.srv.mu.Unlock()
	p.undo()
}

// undo is Abort for who holds the server's mu.
func (p *ports) undo() {
	for _, l := range p.bound {
		l.Close()
	}
	for _, place := range p.closed {
		address := p.srv.listeners[place].Addr().String()
		l, err := net.Listen("tcp", address)
		if err != nil {
			p.srv.system("The SSH port %s could not be opened again: %v", address, err)
			delete(p.srv.listeners, place)
			continue
		}
		p.srv.listeners[place] = l
		if p.srv.serving {
			p.srv.serve(l)
		}
	}
}
