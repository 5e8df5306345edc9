package tlspolicy

import (
	"crypto/tls"
	"net"
	"sync"

	"posthouse/internal/openssl"
)

// maxFlight is how much of the peer's first flight is kept; a chain of maxChain certificates fits.
const maxFlight = 64 << 10

// wire is a connection that keeps what the peer sends in answer to our ClientHello (or, incoming, at once), until the
// handshake is over. Afterwards it only passes on. What it keeps was sent in clear, so it holds no secret.
type wire struct {
	net.Conn

	mu      sync.Mutex // guards what follows; reader and writer may be two goroutines
	begun   bool       // our ClientHello was given to the connection, or the connection is incoming
	written bool       // ... and went out without an error
	over    bool
	flight  []byte
	hopeful bool // the handshake is over and nothing was read since: see Write
}

// Write finds the ClientHello: a handshake record, which no line of SMTP can begin like.
//
// Where a peer refuses us right behind a TLS 1.3 handshake, it sends an alert and hangs up, so that our next write may
// fail before anybody has read the alert. Such a write passes for done; the read that follows it finds out.
func (w *wire) Write(p []byte) (int, error) {
	hello := len(p) > 5 && p[0] == recordHandshake && p[1] == 3 && p[5] == messageClientHello
	if hello {
		w.set(func() { w.begun = true })
	}
	n, err := w.Conn.Write(p)
	w.set(func() {
		w.written = w.written || hello && err == nil
		if err != nil && w.hopeful && isClosed(err) {
			n, err = len(p), nil
		}
	})
	return n, err
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.set(func() {
		w.hopeful = false
		if w.begun && !w.over && len(w.flight) < maxFlight {
			w.flight = append(w.flight, p[:n]...)
		}
	})
	return n, err
}

func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// end stops keeping and returns what was kept. hopeful says that the peer's refusal may be on its way.
func (w *wire) end(hopeful bool) (flight []byte, written bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hopeful = hopeful
	flight, written = w.flight, w.written
	w.over, w.flight = true, nil
	return flight, written
}

// The numbers of RFC 8446 §4 and §5.1 and RFC 8422 §5.4.
const (
	recordChangeCipherSpec    = 20
	recordAlert               = 21
	recordHandshake           = 22
	recordApplicationData     = 23
	alertFatal                = 2
	messageClientHello        = 1
	messageServerHello        = 2
	messageCertificate        = 11
	messageServerKeyExchange  = 12
	messageServerHelloDone    = 14
	extensionSupportedVersion = 43
	namedCurve                = 3
)

// serverFlight is what can be read of a server's first flight without keys.
type serverFlight struct {
	hello        bool
	version      uint16 // as chosen; 0x0304 is TLS 1.3
	suite        uint16
	certificates [][]byte // up to TLS 1.2; nil where none were read
	curve        uint16   // up to TLS 1.2 with ECDHE; in TLS 1.3 the group
	scheme       uint16   // of the signature, TLS 1.2 with ECDHE
	encrypted    bool     // something followed under keys
	done         bool     // up to TLS 1.2: nothing more is to come
}

// parseFlight reads what it can and stops at the first thing that it does not understand.
func parseFlight(raw []byte) (f serverFlight) {
	var messages []byte
	for len(raw) >= 5 {
		n := int(raw[3])<<8 | int(raw[4])
		if raw[0] == recordApplicationData {
			f.encrypted = true
		}
		inClear := raw[0] == recordHandshake || raw[0] == recordChangeCipherSpec
		if !inClear || len(raw) < 5+n {
			break
		}
		if raw[0] == recordHandshake {
			messages = append(messages, raw[5:5+n]...)
		}
		raw = raw[5+n:]
	}
	for len(messages) >= 4 {
		n := int(messages[1])<<16 | int(messages[2])<<8 | int(messages[3])
		if len(messages) < 4+n {
			break
		}
		f.take(messages[0], messages[4:4+n])
		messages = messages[4+n:]
	}
	return f
}

// plainAlert returns the number of a fatal alert that was sent in clear. Where a TLS 1.3 client gives up before its first
// encrypted record, OpenSSL sends its alert in clear, although both have keys by then; crypto/tls cannot decrypt that
// and says only that the record is bad.
func plainAlert(raw []byte) (number int, ok bool) {
	for len(raw) >= 5 && raw[0] != recordApplicationData {
		n := int(raw[3])<<8 | int(raw[4])
		if len(raw) < 5+n {
			break
		}
		if raw[0] == recordAlert && n == 2 && raw[5] == alertFatal {
			return int(raw[6]), true
		}
		raw = raw[5+n:]
	}
	return 0, false
}

func (f *serverFlight) take(kind byte, body []byte) {
	switch kind {
	case messageServerHello:
		f.takeHello(body)
	case messageCertificate:
		f.takeCertificate(body)
	case messageServerKeyExchange:
		f.takeKeyExchange(body)
	case messageServerHelloDone:
		f.done = true
	}
}

// takeHello reads a ServerHello: version, random, session id, suite, compression, extensions (RFC 8446 §4.1.3).
func (f *serverFlight) takeHello(b []byte) {
	if len(b) < 35 {
		return
	}
	version := be16(b)
	b = b[34:]
	if len(b) < 1+int(b[0])+3 {
		return
	}
	b = b[1+int(b[0]):]
	f.hello, f.version, f.suite = true, version, be16(b)
	b = b[3:]
	if len(b) < 2 {
		return
	}
	for b = b[2:]; len(b) >= 4; {
		kind, n := be16(b), int(be16(b[2:]))
		if len(b) < 4+n {
			return
		}
		if kind == extensionSupportedVersion && n == 2 {
			f.version = be16(b[4:])
		}
		if kind == extensionKeyShare && n >= 2 {
			f.curve = be16(b[4:])
		}
		b = b[4+n:]
	}
}

// takeCertificate reads a Certificate message up to TLS 1.2 (RFC 5246 §7.4.2).
func (f *serverFlight) takeCertificate(b []byte) {
	if len(b) < 3 {
		return
	}
	f.certificates = [][]byte{}
	for b = b[3:]; len(b) >= 3; {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if len(b) < 3+n {
			return
		}
		f.certificates = append(f.certificates, b[3:3+n])
		b = b[3+n:]
	}
}

// takeKeyExchange reads the curve and the signature's scheme of a ServerKeyExchange with ECDHE (RFC 8422 §5.4).
func (f *serverFlight) takeKeyExchange(b []byte) {
	suite, _ := openssl.Lookup(f.suite)
	if suite.ID == 0 || suite.KeyExchange() != "ECDH" || len(b) < 4 || b[0] != namedCurve || len(b) < 4+int(b[3]) {
		return
	}
	f.curve = be16(b[1:])
	if b = b[4+int(b[3]):]; len(b) >= 2 && f.version == tls.VersionTLS12 && !anonymous(f.suite) {
		f.scheme = be16(b)
	}
}

func be16(b []byte) uint16 {
	return uint16(b[0])<<8 | uint16(b[1])
}
