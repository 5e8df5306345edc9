package commands

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	agefile "filippo.io/age"

	"posthouse/config"
	"posthouse/internal/eventlog"
)

// unpacked is a bundle's files by name.
func unpacked(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(zipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(data)
	}
}

// secretBench has every kind of secret, and returns what must not be seen of them.
func secretBench(t *testing.T) (*bench, []string) {
	b := newBench(t)
	plant := func(ref, kind, content string) {
		id, err := b.a.Config.Vault().Put(kind, []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		b.put(func(c *config.Config) { c.Refs[ref] = id })
	}
	plant(config.ACMETSIGRef, "secret", "planted-tsig-secret")
	b.log("mail_logs", "Text Mail Logs", "MID 7 planted line")
	b.log("cli_logs", "CLI Audit Logs", strings.Repeat("x", 60000), "the last line")
	if err := os.WriteFile(filepath.Join(b.a.Files, "mx.key"), []byte("planted-key-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := []string{"planted-tsig-secret", "planted-key-file", "PRIVATE KEY", "$argon2id$", benchPassphrase}
	for path, id := range b.running().Refs {
		content, err := b.a.Config.Vault().Get(id)
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		for _, line := range strings.Split(string(content), "\n") {
			if strings.Contains(line, "PRIVATE KEY-----") {
				key = line
			} else if strings.Contains(key, "BEGIN") && len(line) > 30 {
				secrets = append(secrets, line)
			}
		}
		if !strings.Contains(string(content), "CERTIFICATE") {
			secrets = append(secrets, string(content))
		}
		if path == "" {
			t.Error("a reference without a path")
		}
	}
	return b, secrets
}

// TestSupportHoldsNoSecrets opens the bundle and looks for every secret that there is.
func TestSupportHoldsNoSecrets(t *testing.T) {
	b, secrets := secretBench(t)
	out := b.exec(0, "supportrequest file", "")
	list, err := filesLike(b.a, []string{"support-*.tar.gz"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v after %s", list, err, out)
	}
	contains(t, out, "Collecting, please wait.", "/configuration/"+list[0].Name())
	f, err := configuration(b.a).Open(list[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := unpacked(t, f)
	for name, content := range files {
		for _, secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds the secret %.20q", name, secret)
			}
		}
		if strings.Contains(content, "could not be collected") {
			t.Errorf("%s: %s", name, content)
		}
	}
	for name, wanted := range map[string]string{
		"posthouse.toml": "hostname = ", "revisions.txt": "first start", "version.json": "P100V", "status.json": "counters",
		"hosts.json": "hosts", "listeners.json": "", "dns.json": "dns_requests", "certificates.pem": "BEGIN CERTIFICATE",
		"goroutines.txt": "TestSupportHoldsNoSecrets", "spool.txt": "", "alerts.json": "", "clock.json": "servers",
	} {
		if content, ok := files["support/"+name]; !ok || !strings.Contains(content, wanted) {
			t.Errorf("%s: there %v, %q is wanted in %.200q", name, ok, wanted, content)
		}
	}
	logs := ""
	for name, content := range files {
		if strings.HasPrefix(name, "support/logs/") {
			logs += content
		}
	}
	contains(t, logs, "the last line")
	if !strings.Contains(logs, "MID 7 planted line") {
		t.Error("mail_logs is missing")
	}
}

// TestSupportWithSecrets decrypts a bundle with its passphrase only, and finds the secrets in it.
func TestSupportWithSecrets(t *testing.T) {
	oneByOne(t)
	b, secrets := secretBench(t)
	const phrase = "a passphrase that is long"
	w := &supporting{logs: 1 << 20, phrase: phrase}
	if err := w.write(t.Context(), b.a, "s.tar.gz.age", time.Now(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(b.a.Files, "s.tar.gz.age"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(secrets, phrase, "posthouse.toml") {
		if bytes.Contains(sealed, []byte(secret)) {
			t.Errorf("the file shows %.20q", secret)
		}
	}
	wrong, _ := agefile.NewScryptIdentity("another passphrase")
	if _, err := agefile.Decrypt(bytes.NewReader(sealed), wrong); err == nil {
		t.Error("another passphrase opens it")
	}
	right, _ := agefile.NewScryptIdentity(phrase)
	plain, err := agefile.Decrypt(bytes.NewReader(sealed), right)
	if err != nil {
		t.Fatal(err)
	}
	files := unpacked(t, plain)
	if got := files["support/secrets/"+config.ACMETSIGRef]; got != "planted-tsig-secret" {
		t.Errorf("the secret is %q", got)
	}
	if got := files["support/secrets/"+config.CertificateRef(config.DemoCertificate)]; !strings.Contains(got, "PRIVATE KEY") {
		t.Errorf("the Demo certificate is %.40q", got)
	}
}

// TestSupportInterrupted leaves nothing behind.
func TestSupportInterrupted(t *testing.T) {
	b, _ := secretBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := &supporting{logs: 1 << 20}
	err := w.write(ctx, b.a, "s.tar.gz", time.Now(), func(text string) {
		if strings.Contains(text, "spool") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	entries, _ := os.ReadDir(b.a.Files)
	for _, e := range entries {
		if e.Name() != "mx.key" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestSupportByMail(t *testing.T) {
	b, _ := secretBench(t)
	out := b.exec(0, "supportrequest mail help@support.example,ops@example.com 1 --json", "")
	contains(t, out, `"encrypted": false`, `"mailed_to": [`, "help@support.example", "ops@example.com")
	calls := b.engine.called()
	contains(t, calls, "mail  help@support.example,ops@example.com", "Subject: Support request of mail.example.com\r\n", "base64", "filename=\"support-")
	b.fails("supportrequest mail nobody", "", "Invalid address")
	b.fails("supportrequest file 101", "", "Invalid number of megabytes")
	b.fails("supportrequest secrets", "", "Invalid word")
}

// TestSupportLogTail takes the last bytes of a log and no more.
func TestSupportLogTail(t *testing.T) {
	b := newBench(t)
	l := b.log("mail_logs", "Text Mail Logs")
	for range 3000 {
		l.Line(eventlog.Info, strings.Repeat("x", 1000))
	}
	l.Line(eventlog.Info, "the very last")
	var out bytes.Buffer
	if err := (&supporting{logs: 1 << 20}).pack(t.Context(), b.a, &out, time.Now(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	size := 0
	for name, content := range unpacked(t, &out) {
		if strings.HasPrefix(name, "support/logs/mail_logs/") {
			size += len(content)
			if !strings.HasSuffix(content, "the very last\n") {
				t.Errorf("%s ends with %.40q", name, content[max(0, len(content)-40):])
			}
		}
	}
	if size != 1<<20 {
		t.Errorf("%d bytes of a log were taken", size)
	}
}
