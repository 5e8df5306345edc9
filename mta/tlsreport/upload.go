package tlsreport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"posthouse/internal/dns"
	"time"
)

const (
	uploadLimit = 30 * time.Second
	dialLimit   = 10 * time.Second // for one address
	maxAnswer   = 64 << 10         // bytes of an answer that are read
)

// upload sends a report by HTTPS (RFC 8460 §5.4). A certificate that does not verify does not keep it back, since the
// report may be about just that (§3); note says so then. A place that proves nothing has to be in the Internet at large: any
// domain may name one, and what is in our own network has no use for our reports.
func (c *Collector) upload(ctx context.Context, r Report, to string) (note string, err error) {
	body, err := r.compress()
	if err != nil {
		return "", err
	}
	err = c.uploadOnce(ctx, body, to, true)
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) {
		note = printable("certificate not verified: "+wrong.Err.Error(), 300)
		err = c.uploadOnce(ctx, body, to, false)
	}
	return note, err
}

func (c *Collector) uploadOnce(ctx context.Context, body []byte, to string, verify bool) error {
	ctx, cancel := context.WithTimeout(ctx, uploadLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/tlsrpt+gzip")
	request.Header.Set("User-Agent", "Posthouse")
	transport := c.transport(verify)
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%s: %s", to, response.Status)
	}
	return nil
}

func (c *Collector) transport(verify bool) *http.Transport {
	roots := c.o.Roots()
	if roots == nil {
		roots = x509.NewCertPool() // crypto/tls takes nil for the system's list
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.dial(ctx, network, address, verify)
		},
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify},
		TLSHandshakeTimeout:    dialLimit,
		ResponseHeaderTimeout:  uploadLimit,
		MaxResponseHeaderBytes: maxAnswer,
		DisableKeepAlives:      true,
	}
}

// dial connects by the addresses that our own resolver gives; unless it may go anywhere, by public ones.
func (c *Collector) dial(ctx context.Context, network, address string, anywhere bool) (net.Conn, error) {
	return dns.DialWhere(ctx, c.o.Resolver(), network, address, dialLimit, func(a netip.Addr) bool { return anywhere || c.o.Public(a) })
}
