package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mholt/acmez/v3"
	protocol "github.com/mholt/acmez/v3/acme"

	"posthouse/certstore"
)

const (
	requestLimit  = 30 * time.Second // one request to the authority
	responseLimit = 1 << 20          // bytes of one answer
	pollInterval  = time.Second      // between two questions whether an order is ready, where the authority does not say
)

// client is the authority that the settings' directory names.
type client struct {
	roots    func() *x509.CertPool
	version  string
	accounts accounts
}

// accounts keeps what the authority calls the account, over restarts.
type accounts interface {
	savedAccount() account
	saveAccount(account)
}

// session returns the protocol's client for one piece of work, and what ends its connections.
func (c *client) session(s *Settings) (*acmez.Client, func()) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: c.roots(), MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   requestLimit,
		ResponseHeaderTimeout: requestLimit,
		ForceAttemptHTTP2:     true,
	}
	return &acmez.Client{
		Client: &protocol.Client{
			Directory:    s.Directory,
			HTTPClient:   &http.Client{Transport: bounded{transport}, Timeout: requestLimit},
			UserAgent:    strings.TrimSpace("Posthouse/" + c.version),
			PollInterval: pollInterval,
			PollTimeout:  orderLimit,
		},
	}, transport.CloseIdleConnections
}

// bounded cuts answers that are longer than anything the protocol has.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, responseLimit), response.Body}
	}
	return response, err
}

// order implements authority.
func (c *client) order(ctx context.Context, s *Settings, o order) ([]*x509.Certificate, error) {
	work, end := c.session(s)
	defer end()
	solver, err := newSolver(s, o.challenge)
	if err != nil {
		return nil, err
	}
	defer solver.close()
	work.ChallengeSolvers = map[string]acmez.Solver{o.challenge: solver}
	request, err := acmez.NewCSR(o.key, o.names)
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	holder, err := c.account(ctx, work.Client, s)
	if err != nil {
		return nil, err
	}
	params, err := acmez.OrderParametersFromCSR(holder, request)
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	params.Replaces = o.replaces
	chains, err := work.ObtainCertificate(ctx, params)
	if err != nil {
		return nil, c.disowned(words(err))
	}
	if len(chains) == 0 {
		return nil, errors.New("the authority has sent no certificate")
	}
	chain, err := certstore.ParsePEMChain(chains[0].ChainPEM)
	if err != nil {
		return nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	return chain, nil
}

// advice implements authority.
func (c *client) advice(ctx context.Context, s *Settings, leaf *x509.Certificate) (advice, error) {
	work, end := c.session(s)
	defer end()
	info, err := work.GetRenewalInfo(ctx, leaf)
	if err != nil {
		return advice{}, words(err)
	}
	a := advice{start: info.SuggestedWindow.Start, end: info.SuggestedWindow.End, explanation: info.ExplanationURL}
	if info.RetryAfter != nil {
		a.askAgain = *info.RetryAfter
	}
	return a, nil
}

// account returns the account with the authority: the one it knows by the key, or a new one.
func (c *client) account(ctx context.Context, work *protocol.Client, s *Settings) (protocol.Account, error) {
	if s.AccountKey == nil {
		return protocol.Account{}, errors.New("there is no account key")
	}
	holder := protocol.Account{Status: protocol.StatusValid, PrivateKey: s.AccountKey}
	for _, address := range s.Contact {
		holder.Contact = append(holder.Contact, "mailto:"+address)
	}
	thumbprint, err := holder.Thumbprint()
	if err != nil {
		return protocol.Account{}, fmt.Errorf("account: %w", err)
	}
	known := c.accounts.savedAccount()
	if known.Directory != s.Directory || known.Key != thumbprint || known.URL == "" {
		return c.register(ctx, work, s, holder, thumbprint)
	}
	holder.Location = known.URL
	if slices.Equal(known.Contact, s.Contact) {
		return holder, nil
	}
	updated, err := work.UpdateAccount(ctx, protocol.Account{Contact: holder.Contact, Location: known.URL, PrivateKey: s.AccountKey})
	if err != nil {
		return protocol.Account{}, c.disowned(fmt.Errorf("change the account's contact: %w", words(err)))
	}
	holder.Status = updated.Status
	known.Contact = s.Contact
	c.accounts.saveAccount(known)
	return holder, nil
}

// register makes an account for the key, or finds the one that the authority has for it (RFC 8555 §7.3.1).
func (c *client) register(ctx context.Context, work *protocol.Client, s *Settings, holder protocol.Account, thumbprint string) (protocol.Account, error) {
	if !s.TermsAgreed {
		return holder, errors.New("account: the authority's terms of service are not agreed to")
	}
	holder.TermsOfServiceAgreed = true
	if s.EABKey != "" {
		if err := holder.SetExternalAccountBinding(ctx, work, protocol.EAB{KeyID: s.EABKey, MACKey: s.EABSecret}); err != nil {
			return holder, fmt.Errorf("external account binding: %w", words(err))
		}
	}
	made, err := work.NewAccount(ctx, holder)
	if err != nil {
		return holder, fmt.Errorf("account: %w", words(err))
	}
	if made.Location == "" {
		return holder, errors.New("account: the authority gives it no URL")
	}
	made.PrivateKey = s.AccountKey
	c.accounts.saveAccount(account{Directory: s.Directory, Key: thumbprint, URL: made.Location, Contact: s.Contact})
	return made, nil
}

// disowned forgets an account that the authority does not know, so that the next try registers anew.
func (c *client) disowned(err error) error {
	var problem protocol.Problem
	if errors.As(err, &problem) && problem.Type == protocol.ProblemTypeAccountDoesNotExist {
		c.accounts.saveAccount(account{})
	}
	return err
}

// told is an authority's problem in the operator's words: what it is about, the kind and its detail.
type told struct {
	text string
	err  error
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.err }

// words puts the authority's problem document in the place of the library's account of every step.
func words(err error) error {
	var problem protocol.Problem
	if !errors.As(err, &problem) {
		return err
	}
	text := strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:")
	if authorization, ok := problem.Resource.(protocol.Authorization); ok {
		text = authorization.IdentifierValue() + ": " + text
	}
	if problem.Detail != "" {
		text += ": " + problem.Detail
	}
	for _, sub := range problem.Subproblems {
		text += fmt.Sprintf("; %s: %s", sub.Identifier.Value, sub.Detail)
	}
	return told{text, err}
}
