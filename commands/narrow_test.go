package commands

import (
	"strings"
	"testing"

	"posthouse/shell"
)

// TestNarrowTerminals: at a terminal of 40 or 20 columns, what commands say in words is no wider.
func TestNarrowTerminals(t *testing.T) {
	b := newBench(t)
	typed := "listenerconfig new InboundMail public Management 25\rdeliveryconfig setup possible_delivery on\r" +
		"destconfig new example.com tls preferred dane on\rcommit check\rmetricsconfig setup on 127.0.0.1 9999\rlogconfig hostkeyconfig list\r" +
		"help cause N3\rclearchanges\ry\rclearchanges\rexit\r"
	for _, width := range []int{40, 20} {
		screen := strings.ReplaceAll(shell.RunTyped(t.Context(), b.opts, typed, width, 400), "\r", "")
		for line := range strings.Lines(screen) {
			line = strings.TrimSuffix(line, "\n")
			settled := strings.Contains(line, "  ") // a form of its own
			if settled || strings.HasPrefix(line, "mail.example.com> ") || !strings.Contains(strings.TrimSpace(line), " ") {
				continue
			}
			if len(line) > width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}
