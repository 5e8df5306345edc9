package main

import (
	"crypto/tls"
	"net"
	"runtime"
	"sync"

	"posthouse/bench/rig"
)

// handshakes makes full handshakes with a server in the same process.
func handshakes(rsaKey bool) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) {
		cert, err := rig.NewCertificate(rsaKey)
		if err != nil {
			return 0, err
		}
		listener, err := net.Listen("tcp", loopback+":"+floorPort)
		if err != nil {
			return 0, err
		}
		var server sync.WaitGroup
		server.Go(func() { shakeHands(listener, cert.Config(), &server) })
		defer server.Wait()
		defer listener.Close()
		return f.together(4*runtime.NumCPU(), func(_ int, goOn func() bool) error {
			for goOn() {
				c, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
				if err != nil {
					return err
				}
				c.Close()
			}
			return nil
		})
	}
}

// shakeHands serves until the listener is closed.
func shakeHands(listener net.Listener, conf *tls.Config, connections *sync.WaitGroup) {
	for {
		raw, err := listener.Accept()
		if err != nil {
			return
		}
		connections.Go(func() {
			c := tls.Server(raw, conf)
			defer c.Close()
			if c.Handshake() == nil {
				_, _ = c.Read(make([]byte, 1)) // until the client goes
			}
		})
	}
}
