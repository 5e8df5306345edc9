package outbound

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/mta/spool"
)

// files are the spool's files with the given name.
func (b *bench) files(pattern string) []string {
	b.t.Helper()
	list, err := filepath.Glob(filepath.Join(b.dir, "spool", pattern))
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestAMessageThatIsDamagedInTheSpool(t *testing.T) {
	tests := []struct {
		name    string
		content string
		file    string // where it lies
		harm    func(t *testing.T, file string)
	}{
		{"changed", letter, "log/*.seg", func(t *testing.T, file string) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, bytes.Replace(data, []byte("body"), []byte("Body"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"gone", letter + strings.Repeat("a long message\r\n", 20000), "large/1.body", func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPeer(t, func(_ int, l *line) {
				l.greet("PIPELINING")
				l.hear("MAIL", "250 2.1.0 ok\r\n")
				l.hear("RCPT", "250 2.1.5 ok\r\n")
				l.hear("DATA", "354 go\r\n")
				l.take("") // never comes to its end
			})
			b := newBench(t, func(b *bench, c *config.Config) {
				b.faultless = false
				route(c, "peer.example", p)
				c.Routes["x.example"] = &config.Route{Hops: []string{"/dev/null"}}
			})
			m := b.put(spool.Envelope{Sender: "a@x.example"}, test.content, "b@peer.example")
			test.harm(t, b.files(test.file)[0])
			b.queue.Add(m)
			b.expect(
				"New SMTP DCID 1 *", "Delivery start DCID 1 MID 1 to RID [0]",
				"Bounced: DCID 1 MID 1 to RID 0 - 5.3.0 - Other mail system problem ('000', ['the message was damaged while it was stored here; please send it again']) []",
				"Start MID 2 ICID 0", "MID 2 was generated for bounce of MID 1", "MID 2 ICID 0 From: <>",
				"MID 2 ICID 0 RID 0 To: <a@x.example>", "MID 2 queued for delivery", "Message finished MID 1 done",
			)
			b.until("Message finished MID 2 done")
			if n := len(b.files("damaged/*")); n != 1 {
				t.Errorf("%d files set aside", n)
			}
			if left := b.queue.Totals(); left.Active != 0 {
				t.Errorf("still queued: %+v", left)
			}
			if len(b.faults()) == 0 {
				t.Error("nobody is told")
			}
		})
	}
}
