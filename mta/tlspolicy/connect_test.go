package tlspolicy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"posthouse/internal/cause"
	"posthouse/internal/dns"
)

func TestClassifyConnect(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("connect: %w", &net.OpError{Op: "dial", Err: err}) }
	for _, test := range []struct {
		err   error
		phase Phase
		want  cause.ID
		words string
	}{
		{nil, PhaseConnect, "", ""},
		{context.Canceled, PhaseBanner, "", ""},
		{&dns.Error{Name: "x.example", Kind: dns.NotFound}, PhaseLookup, cause.N1, "looking up x.example: "},
		{fmt.Errorf("mx: %w", &dns.Error{Name: "x.example", Kind: dns.NoData}), PhaseLookup, cause.N1, ""},
		{&dns.Error{Name: "x.example", Kind: dns.Temporary}, PhaseLookup, cause.N2, ""},
		{&dns.Error{Name: "x.example", Kind: dns.Bogus}, PhaseLookup, cause.N2, ""},
		{wrap(os.NewSyscallError("connect", syscall.ECONNREFUSED)), PhaseConnect, cause.N3, "[Errno 61] Connection refused"},
		{wrap(syscall.ETIMEDOUT), PhaseConnect, cause.N4, "[Errno 60] Operation timed out"},
		{context.DeadlineExceeded, PhaseConnect, cause.N4, "[Errno 60] Operation timed out"},
		{wrap(syscall.ECONNRESET), PhaseConnect, cause.N5, "[Errno 54] Connection reset by peer"},
		{wrap(syscall.ENETUNREACH), PhaseConnect, cause.N8, "[Errno 51] Network is unreachable"},
		{wrap(syscall.EHOSTUNREACH), PhaseConnect, cause.N8, "[Errno 65] No route to host"},
		{wrap(syscall.EADDRNOTAVAIL), PhaseConnect, cause.N8, "[Errno 49] Can't assign requested address"},
		{io.EOF, PhaseBanner, cause.N5, "EOF"},
		{wrap(syscall.ECONNRESET), PhaseBanner, cause.N5, "[Errno 54] Connection reset by peer"},
		{os.ErrDeadlineExceeded, PhaseBanner, cause.N7, "[Errno 60] Operation timed out"},
		{io.EOF, PhaseEHLO, cause.S8, "EOF"},
		{wrap(syscall.ECONNRESET), PhaseEHLO, cause.S8, "[Errno 54] Connection reset by peer"},
		{os.ErrDeadlineExceeded, PhaseEHLO, cause.N4, "[Errno 60] Operation timed out"},
		{io.ErrUnexpectedEOF, PhaseSTARTTLS, cause.S7, "EOF"},
		{errors.New("odd's\nend"), PhaseSTARTTLS, cause.S7, "odds end"},
	} {
		id, words := ClassifyConnect(test.err, test.phase)
		if id != test.want || words != test.words && test.phase != PhaseLookup {
			t.Errorf("%v in %d: %q %q, want %q %q", test.err, test.phase, id, words, test.want, test.words)
		}
	}
}

// TestRefusedForReal compares with what this system says of a port where nobody listens.
func TestRefusedForReal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = net.Dial("tcp", addr)
	if id, words := ClassifyConnect(err, PhaseConnect); id != cause.N3 || words != "[Errno 61] Connection refused" {
		t.Error(id, words, err)
	}
}

func TestClassifyReplies(t *testing.T) {
	for _, test := range []struct {
		code  int
		phase Phase
		want  cause.ID
	}{
		{220, PhaseBanner, ""}, {554, PhaseBanner, cause.N6}, {421, PhaseBanner, cause.N6},
		{250, PhaseEHLO, ""}, {502, PhaseEHLO, cause.S1}, {421, PhaseEHLO, cause.S1},
		{220, PhaseSTARTTLS, ""}, {454, PhaseSTARTTLS, cause.S3}, {250, PhaseSTARTTLS, cause.S3},
	} {
		if got := ClassifyReply(test.code, test.phase); got != test.want {
			t.Errorf("%d in %d: %q, want %q", test.code, test.phase, got, test.want)
		}
	}
	for _, test := range []struct {
		keywords []string
		want     cause.ID
	}{
		{[]string{"mx1.partner.example", "PIPELINING", "STARTTLS", "SIZE 1000"}, ""},
		{[]string{"mx1.partner.example", "starttls"}, ""},
		{[]string{"mx1.partner.example", "PIPELINING"}, cause.S2},
		{nil, cause.S2},
		{[]string{"mx1.partner.example", "XXXXXXXA"}, cause.S5},
		{[]string{"mx1.partner.example", "XXXXXXXX", "SIZE"}, cause.S5},
		{[]string{"mx1.partner.example", "********"}, cause.S5},
		{[]string{"mx1.partner.example", "XXXXXXXA", "STARTTLS"}, ""},
		{[]string{"mx1.partner.example", "XCLIENT NAME", "XFORWARD", "X-EXPS"}, cause.S2},
	} {
		if got := ClassifyOffer(test.keywords); got != test.want {
			t.Errorf("%q: %q, want %q", test.keywords, got, test.want)
		}
	}
}

// FuzzFlight wants whatever a peer sends to be read without a fault.
func FuzzFlight(f *testing.F) {
	f.Add([]byte(serverHelloRecord(0x0303, 0xC02F)))
	f.Add([]byte(serverHelloRecord(0x0303, 0xC02F) + handshakeRecord(messageCertificate, "\x00\x00\x06\x00\x00\x03abc") +
		handshakeRecord(messageServerKeyExchange, "\x03\x00\x17\x02ab\x04\x03\x00\x01x")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		plainAlert(raw)
		flight := parseFlight(raw)
		for _, c := range flight.certificates {
			if len(c) > len(raw) {
				t.Error("more than was sent")
			}
		}
	})
}
