package tlsreport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"posthouse/internal/safefile"
)

// The bounds of what is kept of others' reports.
const (
	keptReports   = 1000
	keptReportFor = 400 * 24 * time.Hour
	keptBytes     = 64 << 20 // of all of them, whatever strangers send
	receiving     = 4        // messages that are read at once; the others wait
	signatures    = 3        // of one message that are verified
	verifyLimit   = 20 * time.Second
)

// Received is a report that somebody sent about us.
type Received struct {
	At     time.Time `json:"at" doc:"when it came"`
	Signed []string  `json:"signed,omitempty" doc:"the domains whose DKIM signature of the message holds"`
	Report Report    `json:"report" doc:"RFC 8460"`
}

// Receive takes a message with a report. A report that was here before, by its id and organization, changes nothing. What
// strangers write costs an error, whatever it provokes here: the message lies in the spool, and would do so again after the
// next start.
func (c *Collector) Receive(ctx context.Context, message io.Reader) (err error) {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return fmt.Errorf("receive TLS report: %w", ctx.Err())
	}
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("receive TLS report: internal fault: %v", fault)
		}
	}()
	data, err := io.ReadAll(io.LimitReader(message, maxMessage+1))
	if err != nil {
		return fmt.Errorf("receive TLS report: %w", err)
	}
	_, _, err = c.Import(ctx, data)
	return err
}

// Import takes a report from a message, from compressed JSON or from JSON. It returns the report and whether it is new.
func (c *Collector) Import(ctx context.Context, data []byte) (Received, bool, error) {
	report, err := Parse(data)
	if err != nil {
		return Received{}, false, err
	}
	r := Received{At: c.o.Now(), Report: report, Signed: c.signers(ctx, data)}
	path := filepath.Join(c.receivedDir(), report.fileKey()+".json")
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := os.Lstat(path); err == nil {
		return r, false, nil
	}
	text, err := marshal(r)
	if err == nil {
		err = safefile.Write(path, text, 0o600)
	}
	if err != nil {
		return Received{}, false, fmt.Errorf("keep TLS report: %w", err)
	}
	c.thin()
	return r, true, nil
}

// fileKey is the same for the same report, however often it comes (RFC 8460 §4.4: the id is unique to the organization).
func (r Report) fileKey() string {
	sum := sha256.Sum256([]byte(r.Organization + "\x00" + r.ID))
	return hex.EncodeToString(sum[:16])
}

// signers are the domains whose signatures hold. What is no message has none.
func (c *Collector) signers(ctx context.Context, data []byte) []string {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) || !bytes.Contains(data, []byte("DKIM-Signature:")) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	lookup := func(name string) ([]string, error) {
		records, err := c.o.Resolver().Text(ctx, name)
		return forMail(records), err
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(data), &dkim.VerifyOptions{LookupTXT: lookup, MaxVerifications: signatures})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return nil
	}
	var domains []string
	for _, v := range found {
		if v.Err == nil {
			domains = append(domains, printable(v.Domain, 253))
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}

// thin removes the oldest reports where there are too many, or they are too large together. c.writing is held.
func (c *Collector) thin() {
	entries, err := os.ReadDir(c.receivedDir())
	if err != nil {
		return
	}
	type aged struct {
		name string
		at   time.Time
		size int64
	}
	var files []aged
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, aged{e.Name(), info.ModTime(), info.Size()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b aged) int { return a.at.Compare(b.at) })
	for i, f := range files {
		if len(files)-i > keptReports || total > keptBytes || c.o.Now().Sub(f.at) > keptReportFor {
			total -= f.size
			if err := os.Remove(filepath.Join(c.receivedDir(), f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				c.o.Tell("TLS reports: " + err.Error())
			}
		}
	}
}

// Received returns the last n reports of others, the newest first; all of them where n is 0.
func (c *Collector) Received(n int) []Received {
	files, err := filepath.Glob(filepath.Join(c.receivedDir(), "*.json"))
	if err != nil {
		return nil
	}
	var all []Received
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var r Received
		if json.Unmarshal(data, &r) == nil && r.Report.check() == nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Received) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Report.ID, b.Report.ID)) })
	if n > 0 && len(all) > n {
		all = all[:n]
	}
	return all
}
