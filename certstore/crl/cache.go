package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"posthouse/internal/safefile"
)

const cacheExt = ".pem"

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("open the cache of CRLs: %w", err)
	}
	return nil
}

// fileOf names the cache's file after the source and its URL, so that another URL begins anew.
func fileOf(name, url string) string {
	sum := sha256.Sum256([]byte(url))
	return name + "-" + hex.EncodeToString(sum[:6]) + cacheExt
}

// cached returns the source with what the cache has of it.
func (l *Lists) cached(s Source) *source {
	src := &source{Source: s}
	path := filepath.Join(l.opt.Dir, fileOf(s.Name, s.URL))
	info, err := os.Stat(path)
	if err != nil || info.Size() > 2*maxSize {
		return src
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return src
	}
	kept, err := newList(data, info.ModTime())
	if err != nil {
		return src
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			kept.signedBy(c)
		}
	}
	src.lists, src.fetched, src.kept = []*list{kept}, info.ModTime(), len(kept.issuers())
	return src
}

// store writes the list that serves with the issuers that are known to have signed it: after a restart what is fetched is
// compared with them.
func (l *Lists) store(s *source) error {
	l.mu.Lock()
	best := s.best()
	issuers := issuersOf(best)
	s.kept = len(issuers)
	l.mu.Unlock()
	if best == nil {
		return nil
	}
	var out bytes.Buffer
	out.Write(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: best.raw}))
	for _, c := range issuers {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	path := filepath.Join(l.opt.Dir, fileOf(s.Name, s.URL))
	if err := safefile.Write(path, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	// The file's time is the list's age for the schedule after a restart. Without it the list is fetched a little later.
	_ = os.Chtimes(path, best.fetched, best.fetched)
	return nil
}

// keep writes what was learned of issuers since, and removes what belongs to no source. The caller has the turn.
func (l *Lists) keep() {
	l.mu.Lock()
	sources := slices.Clone(l.sources)
	var learned []*source
	wanted := make(map[string]bool)
	for _, s := range sources {
		wanted[fileOf(s.Name, s.URL)] = true
		if best := s.best(); best != nil && len(best.issuers()) != s.kept {
			learned = append(learned, s)
		}
	}
	l.mu.Unlock()
	var faults []error
	for _, s := range learned {
		faults = append(faults, l.store(s))
	}
	entries, err := os.ReadDir(l.opt.Dir)
	faults = append(faults, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), cacheExt) && !wanted[e.Name()] {
			faults = append(faults, os.Remove(filepath.Join(l.opt.Dir, e.Name())))
		}
	}
	if err := errors.Join(faults...); err != nil {
		l.opt.Log("cache of CRLs: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}
