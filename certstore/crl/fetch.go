package crl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	fetchLimit   = time.Minute // for one list, redirects and all
	dialLimit    = 15 * time.Second
	maxRedirects = 5
)

// transport has no proxy: the environment of a service is not where its operator sets one.
func transport() http.RoundTripper {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSHandshakeTimeout:    dialLimit,
		ResponseHeaderTimeout:  30 * time.Second,
		DisableKeepAlives:      true, // the next fetch is hours away
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return fmt.Errorf("a redirect to %q", r.URL.Scheme)
	}
	return nil
}

// fetch brings a source up to date. The caller has the turn.
func (l *Lists) fetch(ctx context.Context, s *source) error {
	err := l.fetchList(ctx, s)
	if ctx.Err() != nil {
		return err // our own end is no fault of the source
	}
	now := l.opt.Now()
	l.mu.Lock()
	before := s.fault
	s.tried, s.fault = now, err
	if err == nil {
		s.fetched = now
	}
	l.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		l.opt.Log(fmt.Sprintf("CRL %q from %s: %v", s.Name, s.URL, err))
	case err == nil && before != nil:
		l.opt.Log(fmt.Sprintf("CRL %q from %s: fetched again", s.Name, s.URL))
	}
	l.tellStale(s)
	return err
}

// tellStale says once that a fetch has not brought the source up to date.
func (l *Lists) tellStale(s *source) {
	st := l.statusOf(s)
	l.mu.Lock()
	tell := st.Stale && !s.told
	s.told = st.Stale
	l.mu.Unlock()
	if tell {
		l.opt.Stale(st)
	}
}

func (l *Lists) fetchList(ctx context.Context, s *source) error {
	data, err := l.get(ctx, s.URL)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	now := l.opt.Now()
	fresh, err := newList(data, now)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if err := l.accept(s, fresh, now); err != nil {
		return err
	}
	return l.store(s)
}

func (l *Lists) get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchLimit, fmt.Errorf("not there within %v", fetchLimit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, inWords(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %q", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxSize+1))
	if err != nil {
		return nil, inWords(ctx, err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("the list is larger than %d MB", maxSize>>20)
	}
	return data, nil
}

func inWords(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}
