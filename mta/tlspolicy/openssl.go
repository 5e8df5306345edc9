package tlspolicy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"posthouse/internal/cause"
)

// phrase is an entry of OpenSSL's error queue in the numbering of its 1.0 series, which the logs of mail gateways have
// kept: 8 bits of library, 12 of function, 12 of reason. People and their scripts search for these.
type phrase struct {
	function function
	reason   int
	text     string
}

const librarySSL, librarySystem = 20, 2

func (p phrase) number() int {
	return librarySSL<<24 | p.function.number<<12 | p.reason
}

func (p phrase) String() string {
	return fmt.Sprintf("error:%08X:SSL routines:%s:%s", p.number(), p.function.name, p.text)
}

// function is one of OpenSSL 1.0 that finds faults.
type function struct {
	number int
	name   string
}

var (
	clientFirst = function{118, "SSL23_GET_CLIENT_HELLO"}
	serverFirst = function{119, "SSL23_GET_SERVER_HELLO"}
	certVerify  = function{136, "SSL3_GET_CERT_VERIFY"}
	clientCert  = function{137, "SSL3_GET_CLIENT_CERTIFICATE"}
	clientHello = function{138, "SSL3_GET_CLIENT_HELLO"}
	keyExchange = function{141, "SSL3_GET_KEY_EXCHANGE"}
	record      = function{143, "SSL3_GET_RECORD"}
	serverCert  = function{144, "SSL3_GET_SERVER_CERTIFICATE"}
	serverHello = function{146, "SSL3_GET_SERVER_HELLO"}
	readBytes   = function{148, "SSL3_READ_BYTES"}
)

// OpenSSLError says a handshake's error as OpenSSL would, for `TLS failed: (NUMBER, 'TEXT')`; TEXT begins with "error:".
// What Outcome's Reason says is more exact where the whole handshake was watched.
func OpenSSLError(err error) (number int, text string) {
	if n, ok := remoteAlert(err); ok {
		return spell(alertPhrase(n))
	}
	if errno, words := systemError(err); errno != 0 {
		return librarySystem<<24 | errno, fmt.Sprintf("error:%08X:system library:func(0):%s", librarySystem<<24|errno, plain(words))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) {
		return spell(phrase{readBytes, 294, "unexpected eof while reading"})
	}
	if isHeaderError(err) {
		return spell(phrase{record, 267, "wrong version number"})
	}
	if verify := (*VerifyError)(nil); errors.As(err, &verify) {
		return spell(phrase{serverCert, 134, "certificate verify failed"})
	}
	return spell(phrase{readBytes, 68, "internal error (" + plain(err.Error()) + ")"})
}

func spell(p phrase) (int, string) {
	return p.number(), p.String()
}

// plain keeps a text from ending the quotes of the log line.
func plain(s string) string {
	return strings.NewReplacer("'", "", "\\", "", "\n", " ", "\r", " ").Replace(s)
}

// systemError returns number and words of a network fault. The numbers are those of BSD, as in the lines of
// Connection Error, and do not depend on the machine.
func systemError(err error) (errno int, words string) {
	for _, e := range []struct {
		is    error
		errno int
		words string
	}{
		{syscall.ECONNREFUSED, 61, "Connection refused"},
		{syscall.ECONNRESET, 54, "Connection reset by peer"},
		{syscall.ETIMEDOUT, 60, "Operation timed out"},
		{os.ErrDeadlineExceeded, 60, "Operation timed out"},
		{syscall.ENETUNREACH, 51, "Network is unreachable"},
		{syscall.EHOSTUNREACH, 65, "No route to host"},
		{syscall.EADDRNOTAVAIL, 49, "Can't assign requested address"},
		{syscall.EAFNOSUPPORT, 47, "Address family not supported by protocol family"},
		{syscall.EACCES, 13, "Permission denied"},
		{syscall.EPERM, 1, "Operation not permitted"},
	} {
		if errors.Is(err, e.is) {
			return e.errno, e.words
		}
	}
	if isTimeout(err) {
		return 60, "Operation timed out"
	}
	return 0, ""
}

// alertPhrase names an alert that the peer sent. OpenSSL's reason is 1000 and the alert's number.
func alertPhrase(number int) phrase {
	text, ok := alertTexts[number]
	if !ok {
		text = fmt.Sprintf("tlsv1 alert number %d", number)
	}
	return phrase{readBytes, 1000 + number, text}
}

// alertTexts is never written to.
var alertTexts = map[int]string{
	10: "sslv3 alert unexpected message", 20: "sslv3 alert bad record mac", 21: "tlsv1 alert decryption failed",
	22: "tlsv1 alert record overflow", 30: "sslv3 alert decompression failure", 40: "sslv3 alert handshake failure",
	41: "sslv3 alert no certificate", 42: "sslv3 alert bad certificate", 43: "sslv3 alert unsupported certificate",
	44: "sslv3 alert certificate revoked", 45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown",
	47: "sslv3 alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied",
	50: "tlsv1 alert decode error", 51: "tlsv1 alert decrypt error", 60: "tlsv1 alert export restriction",
	70: "tlsv1 alert protocol version", 71: "tlsv1 alert insufficient security", 80: "tlsv1 alert internal error",
	86: "tlsv1 alert inappropriate fallback", 90: "tlsv1 alert user cancelled", 100: "tlsv1 alert no renegotiation",
	109: "tlsv13 alert missing extension", 110: "tlsv1 unsupported extension", 111: "tlsv1 certificate unobtainable",
	112: "tlsv1 unrecognized name", 113: "tlsv1 bad certificate status response", 114: "tlsv1 bad certificate hash value",
	115: "tlsv1 unknown psk identity", 116: "tlsv13 alert certificate required", 120: "tlsv1 no application protocol",
}

// phraseOf is what OpenSSL would say of a cause that we found ourselves, where no alert and no network fault says it.
func phraseOf(id cause.ID, incoming bool) (phrase, bool) {
	if incoming {
		return incomingPhrase(id)
	}
	switch id {
	case cause.H1:
		return phrase{serverHello, 261, "wrong cipher returned"}, true
	case cause.H2:
		return phrase{serverFirst, 258, "unsupported protocol"}, true
	case cause.H3:
		return phrase{record, 267, "wrong version number"}, true
	case cause.H6:
		return phrase{serverCert, 176, "no certificates returned"}, true
	case cause.H7:
		return phrase{keyExchange, 378, "wrong curve"}, true
	case cause.H10:
		return phrase{keyExchange, 123, "bad signature"}, true
	case cause.V11:
		return phrase{serverCert, 13, "ASN1 lib"}, true
	}
	return phrase{}, false
}

func incomingPhrase(id cause.ID) (phrase, bool) {
	switch id {
	case cause.H1, cause.H6:
		return phrase{clientHello, 193, "no shared cipher"}, true
	case cause.H2:
		return phrase{clientFirst, 258, "unsupported protocol"}, true
	case cause.H3:
		return phrase{clientFirst, 252, "unknown protocol"}, true
	case cause.H7:
		return phrase{clientHello, 376, "no shared signature algorithms"}, true
	case cause.H10:
		return phrase{certVerify, 123, "bad signature"}, true
	case cause.H11:
		return phrase{clientCert, 199, "peer did not return a certificate"}, true
	}
	return phrase{}, false
}
