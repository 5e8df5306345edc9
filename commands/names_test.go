package commands

import (
	"strings"
	"testing"
)

// ? proposes what exists where it can be taken, and behind new only what is not the command's own.
func TestNamesBehindNew(t *testing.T) {
	b := newBench(t)
	b.opts.Names = Names(b.a)
	for line, want := range map[string]string{
		"destconfig new ?":        "Accepted next: DOMAIN\n",
		"destconfig n ?":          "Accepted next: DOMAIN\n",
		"listenerconfig new ?":    "Accepted next: NAME\n",
		"userconfig new ?":        "Accepted next: NAME\n",
		"certconfig crl new ?":    "Accepted next: NAME\n",
		"sshconfig userkey new ?": "Accepted next: admin, USER\n",
		"destconfig delete ?":     "Accepted next: DOMAIN\n",
		"destconfig edit ?":       "Accepted next: DEFAULT, DOMAIN\n",
		"listenerconfig delete ?": "Accepted next: InboundMail, OutboundMail, NAME\n",
	} {
		if out := b.exec(0, line, ""); !strings.HasSuffix(out, want) {
			t.Errorf("%s: got\n%s", line, out)
		}
	}
}
