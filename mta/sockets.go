package mta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"posthouse/config"
	"posthouse/mta/inbound"
)

// socket is a bound port. It is known by what the configuration says, so that a port of the system's choice is kept
// while the setting stays 0.
type socket struct {
	net.Listener
	key    string // ADDRESS:PORT as configured
	served bool   // a goroutine accepts from it

	inTheWay bool // closed already, to make room for another
}

// address is where the configuration wants a listener.
func address(conf *config.Config, l *config.Listener) string {
	return net.JoinHostPort(conf.Interfaces[l.Interface].Address, strconv.Itoa(l.Port))
}

// bind opens a listener's port. The last port that the system chose for it is tried first, so that resumed listeners
// are where they were. wanted are the sockets that stay. mu is held.
func (e *Engine) bind(conf *config.Config, name string, wanted map[string]*socket) (*socket, error) {
	l := conf.Listeners[name]
	host, key := conf.Interfaces[l.Interface].Address, address(conf, l)
	if port := e.lastPort[name]; l.Port == 0 && port != 0 {
		if ln, err := listen(net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return newSocket(ln, key, l.ListenQueue)
		}
	}
	ln, err := listen(key)
	if errors.Is(err, unix.EADDRINUSE) && e.makeRoom(l.Port, wanted) {
		ln, err = listen(key)
	}
	if err != nil {
		return nil, fmt.Errorf("listener %s cannot use %s: %w", name, key, reason(err))
	}
	return newSocket(ln, key, l.ListenQueue)
}

// listen opens a port. An IPv4 address means IPv4 alone, also where it stands for every address.
func listen(at string) (net.Listener, error) {
	network := "tcp"
	if addr, err := netip.ParseAddrPort(at); err == nil && addr.Addr().Is4() {
		network = "tcp4"
	}
	return net.Listen(network, at)
}

// makeRoom closes sockets of ours on the port that are about to go, such as 127.0.0.1:25 before 0.0.0.0:25. If the
// change is given up they are opened again. mu is held.
func (e *Engine) makeRoom(port int, wanted map[string]*socket) (made bool) {
	for name, s := range e.sockets {
		if wanted[name] != s && !s.inTheWay && s.Addr().(*net.TCPAddr).Port == port {
			s.inTheWay = true
			s.Close()
			made = true
		}
	}
	return made
}

func newSocket(ln net.Listener, key string, backlog int) (*socket, error) {
	if err := setBacklog(ln.(*net.TCPListener), backlog); err != nil {
		ln.Close()
		return nil, fmt.Errorf("listen on %s: %w", key, err)
	}
	return &socket{Listener: ln, key: key}, nil
}

// reason is the system's word without the address that net repeats before it.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// setBacklog sets the length of the queue of connections that nobody has accepted yet: listen(2) may be called again.
func setBacklog(ln *net.TCPListener, n int) error {
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Listen(int(fd), n) }); err != nil {
		return err
	}
	return failed
}

// bindAll opens the ports of all listeners that are not suspended.
func (e *Engine) bindAll() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.prepareSockets(e.config())
	if err != nil {
		return err
	}
	e.adopt(p)
	return nil
}

// prepareSockets returns the sockets for a configuration: a listener's own where its address is the same, a copy of
// another's where that one has the address, else newly bound ones. The caller adopts or drops them. mu is held.
func (e *Engine) prepareSockets(conf *config.Config) (map[string]*socket, error) {
	wanted := map[string]*socket{}
	var missing []string
	for name, l := range conf.Listeners {
		if e.suspended.listener(name) {
			continue
		}
		if own := e.sockets[name]; own != nil && own.key == address(conf, l) {
			wanted[name] = own
			continue
		}
		missing = append(missing, name)
	}
	slices.Sort(missing)
	for _, name := range missing {
		l := conf.Listeners[name]
		s, err := e.takeOver(address(conf, l), l.Port)
		if s == nil && err == nil {
			s, err = e.bind(conf, name, wanted)
		}
		if err != nil {
			e.drop(wanted)
			return nil, err
		}
		wanted[name] = s
	}
	return wanted, nil
}

// takeOver copies an open socket with the address, so that a listener that is renamed, or two that swap their ports,
// never leave the port closed. Without one it returns nil.
func (e *Engine) takeOver(key string, port int) (*socket, error) {
	for _, s := range e.sockets {
		if s.key != key || port == 0 {
			continue
		}
		file, err := s.Listener.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		defer file.Close()
		ln, err := net.FileListener(file)
		if err != nil {
			return nil, err
		}
		return &socket{Listener: ln, key: key}, nil
	}
	return nil, nil
}

// drop closes the sockets that are not in use, and opens again what had to make room for one. mu is held.
func (e *Engine) drop(wanted map[string]*socket) {
	for name, s := range wanted {
		if e.sockets[name] != s {
			s.Close()
		}
	}
	for name, s := range e.sockets {
		if !s.inTheWay {
			continue
		}
		delete(e.sockets, name)
		ln, err := listen(s.Addr().String())
		if err != nil {
			e.fault("listener "+name, err)
			continue
		}
		e.sockets[name] = &socket{Listener: ln, key: s.key}
		e.serve(name, e.sockets[name])
	}
}

// adopt makes the sockets the engine's: those that are not wanted any more are closed, new ones are served if the
// engine serves. Sessions go on under the configuration that they began with. mu is held.
func (e *Engine) adopt(wanted map[string]*socket) {
	before := e.sockets
	e.sockets = wanted
	for name, s := range before {
		if wanted[name] != s {
			s.Close()
		}
	}
	for name, s := range wanted {
		e.lastPort[name] = s.Addr().(*net.TCPAddr).Port
		if e.listeners[name] == nil {
			e.listeners[name] = e.newListener(name)
		}
		e.serve(name, s)
	}
}

// serve starts the goroutine that accepts from a socket, once. mu is held.
func (e *Engine) serve(name string, s *socket) {
	if e.serving == nil || s.served {
		return
	}
	s.served = true
	ctx, listener := e.serving, e.listeners[name]
	e.sessions.Go(func() {
		if err := listener.Serve(ctx, s); err != nil {
			e.fault("listener "+name, err)
		}
	})
}

// serveAll begins to accept on every socket.
func (e *Engine) serveAll(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.serving = ctx
	for name, s := range e.sockets {
		e.serve(name, s)
	}
}

// stopListeners closes every port, ends every session within the grace, and waits for all that accepts or closes.
func (e *Engine) stopListeners() {
	e.mu.Lock()
	e.serving = nil
	for _, s := range e.sockets {
		s.Close()
	}
	e.sockets = map[string]*socket{}
	var all []*inbound.Listener
	for _, l := range e.listeners {
		all = append(all, l)
	}
	e.mu.Unlock()
	grace := e.stopGrace(sessionGrace)
	var ends sync.WaitGroup
	for _, l := range all {
		ends.Go(func() { l.Shutdown(grace) })
	}
	ends.Wait()
	e.sessions.Wait()
}
