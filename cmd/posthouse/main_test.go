package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthouse/config"
)

// call carries out a command line and returns its exit status and outputs.
func call(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, streams{strings.NewReader(stdin), &out, &errs})
	return status, out.String(), errs.String()
}

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		args   string
		status int
		says   string // on one of the outputs
	}{
		{"", 2, "usage: posthouse"},
		{"help", 0, "usage: posthouse"},
		{"frobnicate", 2, `unknown command "frobnicate"`},
		{"version", 0, "Posthouse 1."},
		{"--version", 0, "Posthouse 1."},
		{"version now", 2, `unexpected argument "now"`},
		{"serve --dta x", 2, "-dta"},
		{"init", 2, "--data DIR is needed"},
		{"init --data x --ssh 127.0.0.1", 2, "ADDR:PORT is wanted"},
		{"init --data x --inbound mail:25", 2, `"mail" is not an IP address`},
		{"init --data x --outbound 127.0.0.1:70000", 2, `"70000" is not a port`},
		{"init --data x --hostname two..dots", 1, "hostname"},
		{"init --data x --hostname two_words.example", 1, `"two_words.example" is not a host name: labels of 1 to 63 letters, digits and hyphens`},
		{"init --data x --authorized-key /nowhere/key", 1, "no such file"},
		{"check --data /nowhere", 1, "not set up"},
		{"console --data /nowhere", 1, "no appliance is running"},
		{"init --help", 0, "-authorized-key"},
	} {
		status, out, errs := call(t, "", strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(out+errs, test.says) {
			t.Errorf("posthouse %s: status %d, %q, %q", test.args, status, out, errs)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a refused init left a folder behind")
	}
}

// TestInit sets a folder up, requires that secrets are for the owner only, and refuses to do it twice.
func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	status, out, errs := call(t, "a pass phrase of 31 characters\n", "init", "--data", dir, "--hostname", "MAIL.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.2:0", "--outbound", "[::1]:0", "--admin-password-stdin")
	if status != 0 || strings.Contains(out+errs, "phrase") {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	store, err := config.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	conf := store.Running().Config
	if conf.Hostname != "mail.example.com" || conf.Interfaces["Data1"].Address != "127.0.0.2" ||
		conf.Listeners["OutboundMail"].Interface != "Data2" || conf.Interfaces["Data2"].Address != "::1" {
		t.Errorf("%+v", conf)
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	before, _ := os.ReadFile(filepath.Join(dir, "posthouse.toml"))
	status, _, errs = call(t, "", "init", "--data", dir)
	after, _ := os.ReadFile(filepath.Join(dir, "posthouse.toml"))
	if status != 1 || !strings.Contains(errs, "set up already") || !bytes.Equal(before, after) {
		t.Errorf("a second init: status %d, %q", status, errs)
	}
	if status, out, errs := call(t, "", "check", "--data", dir); status != 0 {
		t.Errorf("check: status %d, %q, %q", status, out, errs)
	}
}

// TestGeneratedPassword is printed once, and stands in no file.
func TestGeneratedPassword(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	_, out, _ := call(t, "", "init", "--data", dir)
	_, password, found := strings.Cut(strings.TrimSpace(out), "shown this once: ")
	if !found || len(password) < 20 {
		t.Fatalf("%q", out)
	}
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(password)) {
			t.Errorf("%s holds the password", path)
		}
		return nil
	})
}

// TestSetUpAgain takes up a set-up that was interrupted before its last step.
func TestSetUpAgain(t *testing.T) {
	dir := t.TempDir()
	if err := setUp(dir, defaultChoices(), new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	first, err := readIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := os.ReadFile(filepath.Join(dir, "keys", hostKeyName("ed25519")))
	os.Remove(filepath.Join(dir, "posthouse.toml"))
	os.RemoveAll(filepath.Join(dir, "revisions"))
	if err := setUp(dir, defaultChoices(), new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	again, err := readIdentity(dir)
	if err != nil || again != first {
		t.Errorf("another identity: %v, %v", again, err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "keys", hostKeyName("ed25519"))); !bytes.Equal(key, now) {
		t.Error("another host key")
	}
}

// TestServe brings a house to life, finds its addresses, and ends it.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	if status, _, errs := call(t, "", "init", "--data", dir, "--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0"); status != 0 {
		t.Fatal(errs)
	}
	if err := os.Remove(filepath.Join(dir, "configuration")); err != nil { // as a backup leaves it that knows no empty folders
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	up := &upWriter{up: make(chan struct{})}
	done := make(chan int)
	go func() { done <- run(ctx, []string{"serve", "--data", dir}, streams{strings.NewReader(""), up, up}) }()
	<-up.up
	if status, _, errs := call(t, "", "serve", "--data", dir); status != 1 || !strings.Contains(errs, "in use") {
		t.Errorf("a second serve: status %d, %q", status, errs)
	}
	status, out, _ := call(t, "version\n", "console", "--data", dir)
	if status != 0 || !strings.Contains(out, "Serial #") {
		t.Errorf("console: status %d, %q", status, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "run", "addresses.json"))
	var bound struct {
		SSH       []string
		Listeners map[string][]string
	}
	if err != nil || json.Unmarshal(data, &bound) != nil || len(bound.SSH) != 1 || len(bound.Listeners) != 2 {
		t.Errorf("addresses.json: %q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "configuration")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the operators' files: %v, %v", info, err)
	}
	cancel()
	if status := <-done; status != 0 {
		t.Errorf("the end: status %d", status)
	}
}

// upWriter closes up when the last line of the announcement is written.
type upWriter struct{ up chan struct{} }

func (w *upWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("OutboundMail")) {
		close(w.up)
	}
	return len(p), nil
}
