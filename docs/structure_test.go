package docs

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// leaves may be imported by everybody and import nothing of ours.
const leaves = "internal/"

// mayImport is the table of docs/overview.md: which package may import which of ours, leaves apart. What is not here may import
// leaves only; cmd/posthouse may import everything.
var mayImport = map[string][]string{
	"shell":    {"config"},
	"commands": {"shell", "config", "certstore", "certstore/acme", "mta", "mta/alert", "mta/logbook", "mta/maillog", "mta/tlspolicy", "mta/tlsreport"},
	"mta": {"mta/smtp", "mta/spool", "mta/inhand", "mta/inbound", "mta/workqueue", "mta/queue", "mta/outbound", "mta/tlspolicy", "mta/maillog", "mta/mtasts", "mta/tlsreport",
		"mta/alert", "mta/deliverylog", "mta/logbook", "mta/metrics", "config", "certstore", "certstore/acme", "certstore/crl"},
	"mta/inbound":       {"mta/smtp", "mta/spool", "mta/maillog", "mta/tlspolicy", "config"},
	"mta/workqueue":     {"mta/spool", "mta/maillog"},
	"mta/inhand":        {},
	"mta/queue":         {"mta/spool", "mta/maillog", "config"},
	"mta/outbound":      {"mta/smtp", "mta/queue", "mta/spool", "mta/maillog", "mta/tlspolicy", "mta/mtasts", "config"},
	"mta/tlsreport":     {"mta/tlspolicy", "mta/maillog", "config"},
	"mta/alert":         {"mta/maillog", "config"},
	"mta/deliverylog":   {"mta/tlspolicy"},
	"mta/logbook":       {"mta/maillog", "mta/tlspolicy", "config"},
	"mta/metrics":       {"mta/tlspolicy"},
	"mta/mtasts":        {},
	"mta/tlspolicy":     {"certstore", "config"},
	"mta/maillog":       {},
	"mta/smtp":          {},
	"mta/spool":         {},
	"config":            {},
	"internal/folder":   {"internal/safefile"},  // it replaces files, and there is one way to do that
	"internal/eventlog": {"internal/localtime"}, // there is one zone of what is written and shown
	"certstore":         {},
	"certstore/acme":    {"certstore"},
	"certstore/crl":     {"certstore"},
	"docs":              {"commands", "shell"},
	"testscripts":       {},
	"bench":             {"bench/rig", "bench/crash", "bench/login"},
	"bench/crash":       {"bench/rig"},
	"bench/login":       {"bench/rig"},
	"bench/rig":         {},
}

// TestStructure holds the import arrows to the table.
func TestStructure(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "posthouse/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		checkImports(t, strings.TrimPrefix(p.ImportPath, "posthouse/"), p.Imports)
	}
}

func checkImports(t *testing.T, from string, imports []string) {
	if from == "cmd/posthouse" {
		return
	}
	allowed, known := mayImport[from]
	if !known && !strings.HasPrefix(from, leaves) {
		t.Errorf("%s has no row in the table", from)
	}
	for _, path := range imports {
		to, ours := strings.CutPrefix(path, "posthouse/")
		switch {
		case !ours, slices.Contains(allowed, to):
		case strings.HasPrefix(to, leaves) && !strings.HasPrefix(from, leaves):
		default:
			t.Errorf("%s imports %s, which the table does not allow", from, to)
		}
	}
}
