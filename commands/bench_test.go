package commands

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
	"posthouse/internal/passhash"
	"posthouse/mta"
	"posthouse/mta/logbook"
	"posthouse/mta/tlspolicy"
	"posthouse/shell"
)

func TestMain(m *testing.M) {
	localtime.Set(time.UTC)
	goleak.VerifyTestMain(m)
}

// bench is an appliance for tests of commands: a real configuration in a folder of its own and an engine that only
// notes what it is asked for.
type bench struct {
	t      *testing.T
	a      *Appliance
	engine *engineNotes
	opts   shell.Options
}

const benchPassphrase = "correct horse battery"

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, engine: &engineNotes{resolver: &dns.Fake{}}}
	b.a = &Appliance{Engine: b.engine, Reports: &reportNotes{}, Logs: logList(nil), Files: filepath.Join(dir, "configuration"), About: About{
		Version: "1.0.0-001", BuildDate: "2026-11-21", Serial: "564D1A2B3C4D5E6F7A8B-0123456789AB",
		InstallDate: time.Date(2026, 11, 21, 14, 36, 2, 0, time.UTC),
	}}
	if err := os.MkdirAll(b.a.Files, 0o700); err != nil {
		t.Fatal(err)
	}
	b.a.Config, b.a.Certs = setUp(t, dir)
	b.a.Codes = shell.NewCodeBook("", nil)
	b.opts = shell.Options{Gate: Gate(b.a), Greet: Greet(b.a), Config: b.a.Config, Secrets: b.a.Config.Vault(), AnswerLimit: 5 * time.Second}
	b.opts.Table = Table(b.a)
	return b
}

// benchHash is worked out once: it is costly by intent.
var benchHash = sync.OnceValue(func() string { return passhash.Hash(benchPassphrase) })

// setUp makes the configuration of a first start, in the order in which posthouse init does.
func setUp(t *testing.T, dir string) (*config.Store, *certstore.Store) {
	t.Helper()
	c := config.Default("mail.example.com")
	first, err := config.Create(dir, c, config.Author{User: "init", From: "console"})
	if err != nil {
		t.Fatal(err)
	}
	certs := certstore.New(first.Vault())
	demo, err := certstore.Create(certstore.Request{CommonName: "mail.example.com", Days: 3650})
	if err != nil {
		t.Fatal(err)
	}
	candidate := first.Candidate()
	if candidate.Config.Refs == nil {
		candidate.Config.Refs = map[string]string{}
	}
	if candidate.Config.Refs[config.CertificateRef(config.DemoCertificate)], err = certs.Put(demo); err != nil {
		t.Fatal(err)
	}
	candidate.Config.Refs[config.PassphraseRef("admin")], err = first.Vault().Put("passphrase", []byte(benchHash()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Commit(t.Context(), candidate, config.Author{User: "init", From: "console"}, "first start", false); err != nil {
		t.Fatal(err)
	}
	return first, certs
}

// exec works one exec line and returns standard output; it fails the test where the exit status is another.
func (b *bench) exec(status int, line, stdin string) string {
	b.t.Helper()
	out, errs, got := shell.RunExec(b.t.Context(), b.opts, line, stdin)
	if got != status {
		b.t.Fatalf("%s: exit status %d, want %d\nstdout: %s\nstderr: %s", line, got, status, out, errs)
	}
	b.documented(line, out)
	return out
}

// documented wants what a line with --json prints to be one of its command's documents.
func (b *bench) documented(line, out string) {
	b.t.Helper()
	form, asked := strings.CutSuffix(line, " --json")
	if !asked || strings.ContainsAny(form, ";|") || out == "" {
		return
	}
	name, _, _ := strings.Cut(form, " ")
	for _, c := range b.opts.Table {
		if c.Name == name && len(c.Documents) > 0 {
			if _, err := validated(c, out); err != nil {
				b.t.Errorf("%s: %v", line, err)
			}
		}
	}
}

// fails works one exec line that must fail with a line that begins and goes on so, and change nothing.
func (b *bench) fails(line, stdin, want string) {
	b.t.Helper()
	before := b.settings()
	_, errs, status := shell.RunExec(b.t.Context(), b.opts, line, stdin)
	if status == 0 || !strings.Contains(errs, want) {
		b.t.Errorf("%s: exit status %d, stderr %q, want %q", line, status, errs, want)
	}
	words := []string{"Error:", "Invalid", "Failed to", "Unable to", "No such file", "Unknown"}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(errs, w) }) {
		b.t.Errorf("%s: %q begins with none of the failure words", line, errs)
	}
	if after := b.settings(); after != before {
		b.t.Errorf("%s: changed the configuration", line)
	}
}

// script works lines on standard input as a terminal would and returns everything on the screen.
func (b *bench) script(status int, lines ...string) string {
	b.t.Helper()
	out, got := shell.RunLines(b.t.Context(), b.opts, strings.Join(lines, "\n")+"\n")
	if got != status {
		b.t.Fatalf("exit status %d, want %d\n%s", got, status, out)
	}
	return out
}

// console works lines at the console of the machine's owner.
func (b *bench) console(script string) string {
	b.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec(0, "interfaceconfig edit Management ssh 0; commit -y", "")
	opts := b.opts
	opts.HostKeys = []gossh.Signer{signer}
	server, err := shell.New(opts)
	if err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(b.t.TempDir(), "console")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.t.Context())
	served := make(chan error)
	go func() { served <- server.Run(ctx) }()
	go func() { served <- server.ServeUnix(ctx, l) }()
	var out, errs bytes.Buffer
	status, err := shell.Console(ctx, path, strings.NewReader(script), &out, &errs)
	stop()
	if err := errors.Join(err, <-served, <-served); err != nil || status != 0 {
		b.t.Fatalf("status %d, %v\n%s%s", status, err, out.String(), errs.String())
	}
	return out.String()
}

// settings is the running configuration as it stands in the file.
func (b *bench) settings() string { return string(config.Encode(b.a.Config.Running().Config)) }

// running is the running configuration.
func (b *bench) running() *config.Config { return b.a.Config.Running().Config }

// contains fails the test unless text holds every one of wanted, in this order.
func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	rest := text
	for _, w := range wanted {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Fatalf("%q is missing (in its place) in:\n%s", w, text)
		}
		rest = after
	}
}

// log opens one of the appliance's logs with the lines in it.
func (b *bench) log(name, kind string, lines ...string) *eventlog.Log {
	b.t.Helper()
	l, err := eventlog.Open(eventlog.Options{Dir: b.t.TempDir(), Name: name, File: strings.TrimSuffix(name, "_logs"), Type: kind})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	for _, line := range lines {
		l.Line(eventlog.Info, line)
	}
	list, _ := b.a.Logs.(logList)
	b.a.Logs = append(list, l)
	return l
}

// logList are logs that no commit changes.
type logList []*eventlog.Log

// Current is Logs's.
func (l logList) Current() []*eventlog.Log { return l }

// Status is Logs's: nothing is known of them.
func (l logList) Status(string) (logbook.Status, bool) { return logbook.Status{}, false }

// Start is Logs's.
func (l logList) Start(string) error { return logbook.ErrNoDebug }

// engineNotes is an engine that answers from its fields and notes the calls.
type engineNotes struct {
	counting
	resolver   *dns.Fake
	listeners  []mta.ListenerStatus
	hosts      []mta.HostSummary
	host       map[string]mta.HostStatus
	recipients []mta.RecipientInfo
	status     mta.Status
	fail       error // what suspending, resuming and deleting return
	message    mta.MessageInfo
	content    string
	removed    int  // recipients of the one message that is removed
	endless    bool // what works through the queue does so until Ctrl-C
	peer       func(net.Conn)

	mu    sync.Mutex
	calls []string
}

func (e *engineNotes) note(parts ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, strings.Join(parts, " "))
}

// called returns and forgets the calls so far.
func (e *engineNotes) called() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := strings.Join(e.calls, "; ")
	e.calls = nil
	return text
}

func (e *engineNotes) Listeners() []mta.ListenerStatus { return e.listeners }

func (e *engineNotes) SuspendListeners(_ context.Context, names []string, grace time.Duration) error {
	e.note("suspendlisteners", strings.Join(names, ","), grace.String())
	return e.fail
}

func (e *engineNotes) ResumeListeners(_ context.Context, names []string) error {
	e.note("resumelisteners", strings.Join(names, ","))
	return e.fail
}

func (e *engineNotes) SuspendDelivery(_ context.Context, domains []string, grace time.Duration) error {
	e.note("suspenddelivery", strings.Join(domains, ","), grace.String())
	return e.fail
}

func (e *engineNotes) ResumeDelivery(_ context.Context, domains []string) error {
	e.note("resumedelivery", strings.Join(domains, ","))
	return e.fail
}

func (e *engineNotes) DeliverNow(domain string) { e.note("delivernow", domain) }

func (e *engineNotes) Hosts() []mta.HostSummary { return e.hosts }

func (e *engineNotes) Host(name string) (mta.HostStatus, bool) {
	h, ok := e.host[name]
	return h, ok
}

func (e *engineNotes) Recipients(ctx context.Context, f mta.Filter, do func(mta.RecipientInfo) error) error {
	e.note("recipients", f.Host, senderNote(f))
	for _, r := range e.recipients {
		if err := cmp.Or(ctx.Err(), do(r)); err != nil {
			return err
		}
	}
	return nil
}

// senderNote writes a filter's sender, the null sender as <>.
func senderNote(f mta.Filter) string {
	if f.NullSender {
		return "<>" + f.Sender
	}
	return f.Sender
}

func (e *engineNotes) Delete(ctx context.Context, f mta.Filter, p mta.Progress) (mta.Changed, error) {
	if f.MID != 0 {
		e.note("remove", fmt.Sprint(f.MID))
		return mta.Changed{Messages: min(1, e.removed), Recipients: e.removed}, e.fail
	}
	return e.change(ctx, p, "delete", f.Host, senderNote(f))
}

func (e *engineNotes) Bounce(ctx context.Context, f mta.Filter, p mta.Progress) (mta.Changed, error) {
	return e.change(ctx, p, "bounce", f.Host, senderNote(f))
}

func (e *engineNotes) Redirect(ctx context.Context, to config.Hop, p mta.Progress) (mta.Changed, error) {
	return e.change(ctx, p, "redirect", config.Redirected(to))
}

// change is an operation on the queue. Where it is to be interrupted, it goes on until it is, and has done a part then.
func (e *engineNotes) change(ctx context.Context, p mta.Progress, words ...string) (mta.Changed, error) {
	e.note(words...)
	if !e.endless {
		return mta.Changed{Messages: 1100, Recipients: 1246}, e.fail
	}
	for ctx.Err() == nil {
		p(mta.Changed{Messages: 7, Recipients: 8}, 0.25)
	}
	return mta.Changed{Messages: 9, Recipients: 10}, ctx.Err()
}

func (e *engineNotes) OldestMessage() (uint64, time.Time) { return e.message.MID, e.message.Received }

func (e *engineNotes) Message(_ context.Context, mid uint64) (mta.MessageInfo, error) {
	if mid != e.message.MID {
		return mta.MessageInfo{}, fmt.Errorf("read message %d: %w", mid, mta.ErrNoMessage)
	}
	return e.message, nil
}

func (e *engineNotes) Content(uint64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(e.content)), nil
}

func (e *engineNotes) Status() mta.Status     { return e.status }
func (e *engineNotes) Resolver() dns.Resolver { return e.resolver }

func (e *engineNotes) VerifyTLS(context.Context, mta.VerifyRequest, func(mta.VerifyEvent)) ([]*tlspolicy.Record, error) {
	return nil, e.fail
}

func (e *engineNotes) CRLs() []certstore.CRLStatus                      { return nil }
func (e *engineNotes) UpdateCRLs(context.Context) []certstore.CRLStatus { return nil }
func (e *engineNotes) Managed() []acme.Status                           { return nil }

func (e *engineNotes) RenewCertificate(context.Context, string) error { return acme.ErrNotManaged }

// Dial gives one end of a pipe and lets the peer play at the other.
func (e *engineNotes) Mail(_ context.Context, from string, to []string, message []byte) error {
	e.note("mail", from, strings.Join(to, ","), string(message))
	return nil
}

func (e *engineNotes) Dial(_ context.Context, from string, to netip.AddrPort) (io.ReadWriteCloser, error) {
	e.note("dial", from, to.String())
	if e.peer == nil {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		e.peer(there)
	}()
	return here, nil
}
