package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"posthouse/certstore"
	"posthouse/commands"
	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/mta/logbook"
	"posthouse/mta/maillog"
	"posthouse/mta/metrics"
	"posthouse/shell"
)

// house is everything that one data folder brings to life.
type house struct {
	dir     string
	store   *config.Store
	certs   *certstore.Store
	logs    *logbook.Book
	system  *maillog.System
	engine  *mta.Engine
	metrics *metrics.Server
	shell   *shell.Server
	bound   *boundAddresses
	leaving leaving
}

// open builds the house. What it opened before an error is closed again.
func open(dir string, key masterKey) (h *house, err error) {
	h = &house{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := makeFolders(dir); err != nil {
		return h, err
	}
	if h.store, err = config.Open(dir, key.forConfig()); err != nil {
		return h, err
	}
	if err := setZone(h.store.Running().Config.TimeZone); err != nil {
		return h, err
	}
	if err := config.MakeExportKey(h.store.Vault()); err != nil { // a folder of an earlier version has none
		return h, err
	}
	h.certs = certstore.New(h.store.Vault())
	id, err := readIdentity(dir)
	if err != nil {
		return h, err
	}
	conf := h.store.Running().Config
	if h.logs, err = logbook.Open(logbook.Options{
		Dir: filepath.Join(dir, "logs"), Version: version, Serial: id.Serial, Hostname: conf.Hostname, Logs: conf.Logs,
	}); err != nil {
		return h, err
	}
	h.system = maillog.NewSystem(h.logs.Log("system_logs"))
	h.logs.Tell(h.system.Problem)
	if err := h.openEngine(key); err != nil {
		return h, err
	}
	h.logs.Trust(h.engine.Trust)
	h.openMetrics()
	if err := h.openShell(id); err != nil {
		return h, err
	}
	h.bound = &boundAddresses{path: filepath.Join(dir, "run", "addresses.json"), house: h}
	h.store.SetAppliers(clocks{}, h.engine, h.shell, h.logs, numbers{h.metrics}, h.bound)
	return h, nil
}

func (h *house) openEngine(key masterKey) error {
	next, err := key.openVault(filepath.Join(h.dir, "keys", "next"))
	if err != nil {
		return err
	}
	h.engine, err = mta.New(mta.Options{
		Dir: h.dir, Config: h.store.Running().Config, Certs: h.certs, Log: maillog.New(h.logs.Log("mail_logs")), System: h.system,
		Bound: func() { h.bound.Commit() }, Secrets: h.store.Vault(), NextKeys: next, Deliveries: h.logs.Log("delivery_logs"), Logs: h.logs,
		Version: version, Renew: h.renew,
	})
	return err
}

// renew puts a certificate in force that was obtained by itself: a revision of its own, and no commit.
func (h *house) renew(ctx context.Context, profile, id string) error {
	by := config.Author{User: "system", From: "ACME"}
	_, err := h.store.Renew(ctx, profile, id, by, fmt.Sprintf("certificate profile %s renewed", profile))
	return err
}

// lines returns what writes plain lines into a log.
func (h *house) lines(name string) func(string) {
	l := h.logs.Log(name)
	return func(text string) { l.Line(eventlog.Info, text) }
}

func (h *house) openShell(id identity) error {
	keys, err := readHostKeys(h.store.Vault())
	if err != nil {
		return err
	}
	codes := shell.NewCodeBook(filepath.Join(h.dir, "state", "codes"), func(err error) { h.system.Problem(err.Error()) })
	appliance := &commands.Appliance{
		Config: h.store, Certs: h.certs, Engine: h.engine, Alerts: h.engine.Alerts(), Reports: h.engine.Reports(), Logs: h.logs,
		Files:     filepath.Join(h.dir, "configuration"),
		About:     commands.About{Version: version, BuildDate: buildDate, InstallDate: id.Installed, Serial: id.Serial},
		Committed: h.system.Committed, Stop: h.leave, Codes: codes,
	}
	h.tidy(appliance)
	number, build, _ := strings.Cut(version, "-")
	h.shell, err = shell.New(shell.Options{
		Table: commands.Table(appliance), Names: commands.Names(appliance), Files: commands.FileStore(appliance),
		Config: h.store, Codes: codes, Gate: commands.Gate(appliance), Greet: commands.Greet(appliance),
		Secrets: h.store.Vault(), HostKeys: keys, Version: number, Build: build, State: filepath.Join(h.dir, "state"),
		Audit: h.lines("cli_logs"), Auth: h.lines("authentication"), System: h.lines("system_logs"),
	})
	return err
}

// tidy makes the folder of the operators' files where there is none, as in a backup that leaves empty folders out, and clears
// it of unfinished ones. No mail waits because that fails.
func (h *house) tidy(a *commands.Appliance) {
	err := os.MkdirAll(a.Files, 0o700)
	if err == nil {
		err = commands.SweepFiles(a)
	}
	if err != nil {
		h.system.Problem("The folder of the operators' files is not in order: " + err.Error())
	}
}

// close gives back what open opened, the logs last: the others still write to them.
func (h *house) close() error {
	var faults []error
	if h.engine != nil {
		faults = append(faults, h.engine.Close())
	}
	if h.logs != nil {
		faults = append(faults, h.logs.Close())
	}
	return errors.Join(faults...)
}

// socketPath is the console's; its folder and mode admit the data folder's owner only.
func spoolFolder(dir string) string { return filepath.Join(dir, "spool") }

func socketPath(dir string) string { return filepath.Join(dir, "run", "console.sock") }

// maxSocketPath is what the system takes for the path of a unix socket.
const maxSocketPath = 107

func (h *house) listenConsole() (net.Listener, error) {
	path := socketPath(h.dir)
	if len(path) > maxSocketPath {
		h.system.Problem(fmt.Sprintf("no console: the path %s is longer than %d bytes", path, maxSocketPath))
		return nil, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the console: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
