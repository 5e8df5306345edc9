// Package testscripts tells the appliance's stories end to end: txtar scripts that drive the real binary with the
// clients that operators and peers use (OpenSSH, swaks, smtp-source, openssl, Postfix). It imports nothing of ours but the
// nameserver for tests.
package testscripts

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait for something that the appliance or a peer does; it is never slept through.
const patience = 60 * time.Second

// binary is the folder of the posthouse that TestMain built.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// raceReports is what the names of the race detector's reports begin with.
const raceReports = "race."

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "posthouse-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	args := []string{"build", "-o", dir}
	if raceEnabled {
		args = append(args, "-race")
		os.Setenv("GORACE", "atexit_sleep_ms=0 log_path="+filepath.Join(dir, raceReports)) // by default each process sleeps a second before it ends
	}
	if out, err := exec.Command("go", append(args, "../cmd/posthouse")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building posthouse: %v\n%s", err, out)
		return 1
	}
	binary = dir
	// Stories wait for processes more than they compute.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(2+2*runtime.NumCPU())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if tellRaces(dir) {
		return 1
	}
	return status
}

// tellRaces says which data races the processes had that the tests started, also those that were killed.
func tellRaces(dir string) (any bool) {
	reports, _ := filepath.Glob(filepath.Join(dir, raceReports+"*"))
	for _, file := range reports {
		text, _ := os.ReadFile(file)
		fmt.Fprintf(os.Stderr, "the appliance has a data race:\n%s", text)
	}
	return len(reports) > 0
}

func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		Setup:               setup,
		RequireExplicitExec: true,
		Deadline:            time.Time{},
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"appliance":   applianceVerb,
			"await":       awaitVerb,
			"ca":          caVerb,
			"cert":        certVerb,
			"disk":        diskVerb,
			"dns":         dnsVerb,
			"signed":      signedVerb,
			"pebble":      pebbleVerb,
			"managed":     managedVerb,
			"undisturbed": undisturbedVerb,
			"web":         webVerb,
			"hidden":      hiddenVerb,
			"listed":      listedVerb,
			"typed":       typedVerb,
			"stale":       staleVerb,
			"failing":     failingVerb,
			"fingerprint": fingerprintVerb,
			"ber":         berVerb,
			"names":       namesVerb,
			"policyhost":  policyHostVerb,
			"hop":         hopVerb,
			"partner":     partnerVerb,
			"maildir":     maildirVerb,
			"receiver":    receiverVerb,
			"replace":     replaceVerb,
			"converse":    converseVerb,
			"terminal":    terminalVerb,
			"interrupts":  interruptsVerb,
			"atonce":      atonceVerb,
			"enrol":       enrolVerb,
			"code":        codeVerb,
			"crowd":       crowdVerb,
			"callers":     callersVerb,
			"conform":     conformVerb,
			"conformed":   conformedVerb,
			"batch":       batchVerb,
			"forms":       formsVerb,
			"soak":        soakVerb,
		},
	})
}

// worldKey finds a script's world in its environment's values.
type worldKey struct{}

// world is what one script has started.
type world struct {
	work       string
	appliances map[string]*appliance
	conform    map[string]*conformance // by transcript
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// setup gives a script a home of its own, an SSH key, and an ssh that knows the script's appliances by name.
func setup(env *testscript.Env) error {
	w := &world{work: env.WorkDir, appliances: map[string]*appliance{}}
	env.Values[worldKey{}] = w
	bin := filepath.Join(env.WorkDir, "bin")
	home := filepath.Join(env.WorkDir, "home")
	for _, dir := range []string{bin, home} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	env.Setenv("PATH", strings.Join([]string{bin, binary, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":"))
	env.Setenv("HOME", home)
	env.Setenv("TZ", "UTC")
	if raceEnabled {
		env.Setenv("GORACE", os.Getenv("GORACE"))
	}
	if ssh, err := exec.LookPath("ssh"); err == nil {
		wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -F '%s/ssh_config' \"$@\"\n", ssh, env.WorkDir)
		if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(wrapper), 0o755); err != nil {
			return err
		}
		key := filepath.Join(env.WorkDir, "id_ed25519")
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %v: %s", err, out)
		}
	}
	return nil
}

// condition answers [root], [swaks] and the like: a program's name is true where the program is installed.
func condition(name string) (bool, error) {
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	if name == "pebble" {
		return pebbleBuilt() == nil, nil
	}
	if name == "paramiko" {
		return exec.Command("python3", "-c", "import paramiko").Run() == nil, nil
	}
	if name == "race" {
		return raceEnabled, nil
	}
	if name == "mount" {
		return mountable(), nil
	}
	if at, ok := strings.CutPrefix(name, "free:"); ok {
		return free(at), nil
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/postfix/sbin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// replaceVerb is "replace FILE OLD NEW": every OLD in FILE becomes NEW.
func replaceVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	path := ts.MkAbs(args[0])
	text := ts.ReadFile(path)
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}
