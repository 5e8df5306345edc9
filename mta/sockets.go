package mta

import (
	"context"
	"errors"
	"fmt"
	"net"
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
}

// address is where the configuration wants a listener.
func address(conf *config.Config, l *config.Listener) string {
	return net.JoinHostPort(conf.Interfaces[l.Interface].Address, strconv.Itoa(l.Port))
}

// bind opens a listener's port. The last port that the system chose for it is tried first, so that resumed listeners
// are where they were.
func (e *Engine) bind(conf *config.Config, name string) (*socket, error) {
	l := conf.Listeners[name]
	key := address(conf, l)
	var ln net.Listener
	err := errors.New("never tried")
	if port := e.lastPort[name]; l.Port == 0 && port != 0 {
		ln, err = net.Listen("tcp", net.JoinHostPort(conf.Interfaces[l.Interface].Address, strconv.Itoa(port)))
	}
	if err != nil {
		ln, err = net.Listen("tcp", key)
	}
	if err != nil {
		return nil, fmt.Errorf("listener %s cannot use %s: %w", name, key, reason(err))
	}
	if err := setBacklog(ln.(*net.TCPListener), l.ListenQueue); err != nil {
		ln.Close()
		return nil, fmt.Errorf("listener %s: %w", name, err)
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
	for name, l := range conf.Listeners {
		if e.suspended.listener(name) {
			continue
		}
		key := address(conf, l)
		if own := e.sockets[name]; own != nil && own.key == key {
			wanted[name] = own
			continue
		}
		s, err := e.takeOver(key, l.Port)
		if s == nil && err == nil {
			s, err = e.bind(conf, name)
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

// drop closes the sockets that are not in use. mu is held.
func (e *Engine) drop(wanted map[string]*socket) {
	for name, s := range wanted {
		if e.sockets[name] != s {
			s.Close()
		}
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
	var ends sync.WaitGroup
	for _, l := range all {
		ends.Go(func() { l.Shutdown(sessionGrace) })
	}
	ends.Wait()
	e.sessions.Wait()
}
