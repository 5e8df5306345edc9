package tlspolicy

import (
	"errors"
	"net"
	"reflect"
)

// remoteAlert returns the number of the TLS alert with which the peer ended the handshake.
func remoteAlert(err error) (number int, ok bool) {
	return alertOf(err, "remote error")
}

// peerAlert is remoteAlert, and knows of an alert that crypto/tls could not read.
func peerAlert(err error, flight []byte) (number int, ok bool) {
	if number, ok = remoteAlert(err); ok {
		return number, true
	}
	if _, local := localAlert(err); local {
		return plainAlert(flight)
	}
	return 0, false
}

// localAlert returns the number of the alert that crypto/tls itself sent, where it keeps it.
func localAlert(err error) (number int, ok bool) {
	return alertOf(err, "local error")
}

// alertOf reads the number of an alert. Over TCP crypto/tls hides it in a net.OpError whose Err is an unexported unsigned
// integer, and offers nothing else but its text; a test breaks when a release of Go changes that.
func alertOf(err error, op string) (number int, ok bool) {
	var opErr *net.OpError
	if !errors.As(err, &opErr) || opErr.Op != op || opErr.Err == nil {
		return 0, false
	}
	v := reflect.ValueOf(opErr.Err)
	if v.Kind() != reflect.Uint8 || v.Type().PkgPath() != "crypto/tls" {
		return 0, false
	}
	return int(v.Uint()), true
}
