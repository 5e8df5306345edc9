package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"posthouse/internal/dns"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// fault is why a policy cannot be had.
type fault struct {
	report string // the result type of RFC 8460 §4.3.2.2
	words  string
}

// Error is what was seen, escaped and in one line.
func (f *fault) Error() string {
	const most = 300
	text := f.words
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return '?'
	}, text)
}

const (
	dialLimit   = 10 * time.Second // for one address
	maxHeader   = 64 << 10         // bytes
	agent       = "Posthouse"
	contentType = "text/plain"
)

// policyURL is where a domain's policy lies (RFC 8461 §3.3).
func policyURL(domain string, port uint16) string {
	host := "mta-sts." + domain
	if port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	return "https://" + host + "/.well-known/mta-sts.txt"
}

// fetch reads a domain's policy with the rules of RFC 8461 §3.3: no redirect is followed, nothing is taken from a cache,
// the certificate is valid for the policy host and only 200 with plain text counts.
func (s *Store) fetch(ctx context.Context, domain string) ([]byte, *fault) {
	transport := s.transport("mta-sts." + domain)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at := policyURL(domain, s.o.Port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, &fault{reportFetch, err.Error()}
	}
	request.Header.Set("User-Agent", agent)
	request.Header.Set("Accept", contentType)
	request.Header.Set("Cache-Control", "no-cache") // for caches on the way
	response, err := client.Do(request)
	if err != nil {
		return nil, transportFault(at, err)
	}
	defer response.Body.Close()
	return readPolicy(at, response)
}

// transport speaks to one policy host once.
func (s *Store) transport(host string) *http.Transport {
	roots := s.o.Roots()
	if roots == nil {
		roots = x509.NewCertPool() // crypto/tls takes nil for the system's list
	}
	return &http.Transport{
		DialContext:            s.dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialLimit,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		ResponseHeaderTimeout:  fetchLimit,
	}
}

// dial connects by the addresses that our own resolver gives.
func (s *Store) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dns.Dial(ctx, s.o.Resolver(), network, address, dialLimit)
}

// transportFault tells a certificate that does not verify from everything else.
func transportFault(at string, err error) *fault {
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) {
		return &fault{reportWebPKI, fmt.Sprintf("%s: %v", at, wrong.Err)}
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return &fault{reportFetch, at + ": " + strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// readPolicy checks the answer and reads its body.
func readPolicy(at string, response *http.Response) ([]byte, *fault) {
	if response.StatusCode != http.StatusOK {
		return nil, &fault{reportFetch, at + ": " + response.Status}
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if (err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter)) || kind != contentType {
		return nil, &fault{reportInvalid, fmt.Sprintf("%s: the content type %q is not %s", at, clip(response.Header.Get("Content-Type")), contentType)}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPolicy+1))
	if err != nil {
		return nil, &fault{reportFetch, at + ": " + err.Error()}
	}
	if len(text) > maxPolicy {
		return nil, &fault{reportInvalid, fmt.Sprintf("%s: larger than %d bytes", at, maxPolicy)}
	}
	return text, nil
}
