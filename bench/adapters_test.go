package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAdapters holds every adapter to what README.md asks of one: it parses, has the verbs, knows the dead destination, and
// reads no variable that the harness does not set.
func TestAdapters(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	files, err := filepath.Glob("adapters/*.sh")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %v", files, err)
	}
	set := map[string]bool{"B_ROOT": true, "B_DIR": true, "B_CERT": true, "B_KEY": true, "B_RSA_CERT": true, "B_RSA_KEY": true, "B_TLS_OUT": true,
		"B_WORKLOAD": true, "B_IP": true, "B_PORT": true, "B_SINK_IP": true, "B_SINK_PORT": true, "B_DEAD_PORT": true,
		"B_POSTFIX_EXTRA": true, "B_POSTFIX_MASTER": true, "B_POSTHOUSE_LOGS": true, "B_MADDY_PAR": true} // the last four are between adapters
	for _, file := range append(files, "adapters/TEMPLATE") {
		if out, err := exec.Command(bash, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", file, err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`B_[A-Z_]+`).FindAllString(string(text), -1) {
			if !set[name] {
				t.Errorf("%s: %s is never set", file, name)
			}
		}
		if strings.Contains(string(text), `. "${BASH_SOURCE%/*}/`) {
			continue // a variant of another
		}
		for _, want := range []string{"\nversion)", "\nprepare)", "\nstart)", "\nflush)", "exec ", "$B_DEAD_PORT", "dead.bench.test"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q", file, want)
			}
		}
	}
}
