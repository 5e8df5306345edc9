package mta

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/certstore/crl"
	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/alert"
	"posthouse/mta/maillog"
)

// parted is an engine of which nothing but its alerts and revocation lists is there.
func parted(t *testing.T) *Engine {
	t.Helper()
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	log, err := eventlog.Open(eventlog.Options{Dir: filepath.Join(dir, "logs"), Name: "system_logs", File: "system", Type: "System Logs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	e := &Engine{opt: Options{Dir: dir, Certs: certs, System: maillog.NewSystem(log)}}
	e.live.Store(&world{conf: conf})
	e.alerts, err = alert.New(alert.Options{Config: func() *config.Config { return conf }, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if e.lists, err = crl.New(crl.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	return e
}

// raised ends the alerts, and returns what they were.
func (e *Engine) raised(t *testing.T) []alert.Entry {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.alerts.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return e.alerts.Last(100)
}

func TestFaultsAreToldOnce(t *testing.T) {
	e := parted(t)
	for _, what := range []string{"bounce of MID 1", "bounce of MID 2", "bounce of MID 314", "counters"} {
		e.fault(what, errors.New("no space left on device"))
	}
	if got := e.raised(t); len(got) != 2 {
		t.Errorf("%d alerts: %+v", len(got), got)
	}
}

func TestFaultOfAPart(t *testing.T) {
	e := parted(t)
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		want := errors.New("the end")
		err := e.attend(t.Context(), "a part", func(context.Context) error {
			if runs++; runs < 3 {
				panic("not this time")
			}
			return want
		})
		if runs != 3 || !errors.Is(err, want) {
			t.Errorf("%d runs, %v", runs, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), faultRest/2)
		defer cancel()
		if err := e.attend(ctx, "a part", func(context.Context) error { panic("never") }); err != nil {
			t.Errorf("at the end %v", err)
		}
	})
	if got := e.raised(t); len(got) != 1 || !strings.Contains(got[0].Text, "not this time") {
		t.Errorf("alerts %+v", got)
	}
}

// A list that was not asked for yet is not complained of; one that cannot be had is.
func TestListStaleBeforeTheFirstFetch(t *testing.T) {
	e := parted(t)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	e.lists.Apply(crl.Settings{Sources: []crl.Source{{Name: "ca", URL: server.URL, Interval: time.Hour}}})
	e.tellExpiring(time.Now())
	stale := func() (n int) {
		for _, a := range e.raised(t) {
			if strings.Contains(a.Subject, "revocation list") {
				n++
			}
		}
		return n
	}
	if n := stale(); n != 0 {
		t.Errorf("%d alerts before the first fetch", n)
	}
	e.lists.Update(t.Context())
	e.tellExpiring(time.Now())
	if n := stale(); n != 1 {
		t.Errorf("%d alerts after it", n)
	}
}
