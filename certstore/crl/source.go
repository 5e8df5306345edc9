package crl

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"posthouse/certstore"
)

// source is one source with what is known of it. Lists.mu guards its fields; the lists themselves are immutable.
type source struct {
	Source
	// lists are at most two, the newest first. Only where the newest one's signer is not known yet is there a second: what a
	// stranger puts in the way of a fetch must not push out what was there.
	lists   []*list
	fetched time.Time
	tried   time.Time
	fault   error
	told    bool // that it is stale
	// kept are the issuers that stand in the cache's file beside the list.
	kept int
}

// retry is the time between two fetches after one that failed, or of a list that is stale; the interval where it is shorter.
const retry = 5 * time.Minute

// dueAt says when the source is to be fetched next.
func (l *Lists) dueAt(s *source) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := s.tried
	if last.IsZero() {
		last = s.fetched
	}
	if last.IsZero() {
		return time.Time{}
	}
	wait := s.Interval
	if s.fault != nil || len(s.lists) == 0 || s.lists[0].staleAt(last, s.Interval) {
		wait = min(wait, retry)
	} else if next := s.lists[0].NextUpdate; !next.IsZero() && next.Before(last.Add(wait)) {
		wait = max(next.Sub(last), min(wait, retry))
	}
	return last.Add(wait)
}

// accept puts a list that was fetched in its place, or says why it is not wanted.
func (l *Lists) accept(s *source, fresh *list, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fresh.ThisUpdate.After(now.Add(time.Hour)) {
		return fmt.Errorf("the list is of %s, which is in the future", stamp(fresh.ThisUpdate))
	}
	var proven *list
	for _, old := range s.lists {
		if len(old.issuers()) > 0 && (proven == nil || old.ThisUpdate.After(proven.ThisUpdate)) {
			proven = old
		}
	}
	for _, c := range slices.Concat(l.set.Authorities, issuersOf(proven)) {
		fresh.signedBy(c)
	}
	if proven == nil {
		// Which of the two is right, the first chain says.
		if len(fresh.issuers()) == 0 && len(s.lists) > 0 && !bytes.Equal(s.lists[0].raw, fresh.raw) {
			s.lists = []*list{fresh, s.lists[0]}
		} else {
			s.lists = []*list{fresh}
		}
		l.publish()
		return nil
	}
	if len(fresh.issuers()) == 0 {
		// It may be that of an issuer with a new key, or of anybody: whoever meets a chain will know.
		s.lists = []*list{fresh, proven}
		l.publish()
		return errors.New("the list is not signed by the key that signed the one before, which goes on being used")
	}
	if fresh.ThisUpdate.Before(proven.ThisUpdate) {
		return fmt.Errorf("the list is of %s and older than the one in use", stamp(fresh.ThisUpdate))
	}
	s.lists = []*list{fresh}
	l.publish()
	return nil
}

func issuersOf(l *list) []*x509.Certificate {
	if l == nil {
		return nil
	}
	return l.issuers()
}

// statusOf describes a source.
func (l *Lists) statusOf(s *source) Status {
	due := l.dueAt(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	st := Status{
		Name: s.Name, URL: s.URL, Fetched: s.fetched, Tried: s.tried, Due: due, Stale: true,
		Interval: int(s.Interval / time.Minute),
	}
	if s.fault != nil {
		st.Fault = s.fault.Error()
	}
	best := s.best()
	if best == nil {
		return st
	}
	st.Issuer, st.Verified = certstore.DN(best.issuer), len(best.issuers()) > 0
	st.ThisUpdate, st.NextUpdate, st.Revoked = best.ThisUpdate, best.NextUpdate, len(best.revoked)
	st.Stale = best.staleAt(l.opt.Now(), s.Interval)
	if best.number != nil {
		st.Number = best.number.String()
	}
	return st
}

// best is the list that serves: the newest one whose signature was checked, or the newest one.
func (s *source) best() *list {
	for _, c := range s.lists {
		if len(c.issuers()) > 0 {
			return c
		}
	}
	if len(s.lists) > 0 {
		return s.lists[0]
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
