package mta

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"posthouse/config"
)

// TestMailFlowsWhileTheLogIsRead has a run that died leave a log that does not come to its end before mail was taken.
func TestMailFlowsWhileTheLogIsRead(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "logs", "mail_logs")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(folder, "mail_logs.@20180417T005753.s")
	if err := errors.Join(syscall.Mkfifo(left, 0o600), os.WriteFile(filepath.Join(folder, ".mail_logs.run.@20180417T005753"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	conf, certs := testConfig(t, dir)
	peer, got := startSink(t)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"[127.0.0.1]:" + port(t, peer)}}}
	e := start(t, dir, conf, certs)
	sent := e.send(t, "OutboundMail", "b@far.example")
	receive(t, got)
	written := make(chan error, 1)
	begun, done := false, errors.New("done")
	err := e.logs[0].Tail(t.Context(), 1, func(line string) error {
		if !begun {
			begun = true
			go func() { written <- writeLeft(left) }()
		}
		if strings.HasSuffix(line, "DCID 4 close (recovered)") {
			return done
		}
		return nil
	})
	if sent != nil || !errors.Is(err, done) {
		t.Errorf("sent: %v, closed: %v", sent, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func writeLeft(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, "Tue Apr 17 00:57:53 2018 Info: New SMTP DCID 4 interface 127.0.0.1 address 127.0.0.2 port 25")
	return errors.Join(err, f.Close())
}
