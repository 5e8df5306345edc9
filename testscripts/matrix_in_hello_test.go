package testscripts

import (
	"crypto/rand"
	bigendian "encoding/binary"
	"net"
)

// hello is a ClientHello made by hand, so that it can offer what no library offers.
type hello struct {
	version  uint16   // of the message; 0: TLS 1.2
	versions []uint16 // of the extension supported_versions; nil: none, as before TLS 1.3
	suites   []uint16
	curves   []uint16
	schemes  []uint16
	early    bool // early data is announced
	padding  int  // bytes in an extension that means nothing
}

// The numbers of RFC 8446 §4.2 and of RFC 7685.
const (
	extGroups, extPoints, extSchemes, extPadding, extEarly, extVersions = 10, 11, 13, 21, 42, 43
	handshakeRecord, alertRecord, dataRecord                            = 22, 21, 23
)

// sized puts a length of so many bytes in front.
func sized(bytes int, data []byte) []byte {
	var n [4]byte
	bigendian.BigEndian.PutUint32(n[:], uint32(len(data)))
	return append(n[4-bytes:], data...)
}

func numbers(list []uint16) []byte {
	var data []byte
	for _, n := range list {
		data = bigendian.BigEndian.AppendUint16(data, n)
	}
	return data
}

func extension(kind uint16, data []byte) []byte {
	return append(bigendian.BigEndian.AppendUint16(nil, kind), sized(2, data)...)
}

// message is the handshake message.
func (h hello) message() []byte {
	version := h.version
	if version == 0 {
		version = 0x0303
	}
	random := make([]byte, 32)
	rand.Read(random)
	body := append(bigendian.BigEndian.AppendUint16(nil, version), random...)
	body = append(body, 0) // no session
	body = append(body, sized(2, numbers(h.suites))...)
	body = append(body, 1, 0) // no compression
	ext := extension(extPoints, []byte{1, 0})
	if h.curves != nil {
		ext = append(ext, extension(extGroups, sized(2, numbers(h.curves)))...)
	}
	if h.schemes != nil {
		ext = append(ext, extension(extSchemes, sized(2, numbers(h.schemes)))...)
	}
	if h.versions != nil {
		ext = append(ext, extension(extVersions, sized(1, numbers(h.versions)))...)
	}
	if h.padding > 0 {
		ext = append(ext, extension(extPadding, make([]byte, h.padding))...)
	}
	if h.early {
		ext = append(ext, extension(extEarly, nil)...)
	}
	if version > 0x0300 { // SSL 3 knows no extensions
		body = append(body, sized(2, ext)...)
	}
	return append([]byte{1}, sized(3, body)...)
}

// record wraps data in records, none of them larger than they may be.
func record(kind byte, data []byte) []byte {
	const most = 1 << 14
	var out []byte
	for len(data) > most {
		out = append(append(out, kind, 3, 1), sized(2, data[:most])...)
		data = data[most:]
	}
	return append(append(out, kind, 3, 1), sized(2, data)...)
}

func (h hello) records() []byte { return record(handshakeRecord, h.message()) }

// fatal is an alert in clear that ends a handshake of TLS 1.2.
func fatal(number byte) []byte { return []byte{alertRecord, 3, 3, 0, 2, 2, number} }

// good12 is a ClientHello of TLS 1.2 to which a server with an ECDSA key says yes.
func good12() hello {
	return hello{suites: []uint16{0xc02b, 0xc009}, curves: []uint16{23}, schemes: []uint16{0x0403}}
}

// dripping writes each byte in a packet of its own.
type dripping struct{ net.Conn }

func (d dripping) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
