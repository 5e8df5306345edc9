package smtp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientTimeouts holds the client against RFC 5321 §4.5.3.2: a peer that falls silent is waited for so long at each
// step, no longer, and one that goes on talking without coming to an end is given no more.
func TestClientTimeouts(t *testing.T) {
	hello := []scriptStep{{"", "220 peer\r\n"}, {"EHLO", "250 peer\r\n"}}
	mail := append(hello[:2:2], scriptStep{"MAIL", "250 ok\r\n"})
	rcpt := append(mail[:3:3], scriptStep{"RCPT", "250 ok\r\n"})
	data := append(rcpt[:4:4], scriptStep{"DATA", "354 go\r\n"})
	piped := append(hello[:1:1], scriptStep{"EHLO", "250-peer\r\n250 PIPELINING\r\n"})
	for _, test := range []struct {
		name  string
		steps []scriptStep
		last  string // what the peer does behind its steps: "deaf", "hears" or "talks"
		stage Stage
		want  time.Duration
	}{
		{"banner", nil, "hears", StageBanner, 5 * time.Minute},
		{"endless banner", nil, "talks", StageBanner, 5 * time.Minute},
		{"EHLO", hello[:1], "hears", StageHello, 5 * time.Minute},
		{"MAIL", hello, "hears", StageMail, 5 * time.Minute},
		{"MAIL, not read", hello, "deaf", StageMail, 5 * time.Minute},
		{"RCPT", mail, "hears", StageRcpt, 5 * time.Minute},
		{"endless answer to RCPT", append(mail[:3:3], scriptStep{"RCPT", ""}), "talks", StageRcpt, 5 * time.Minute},
		{"DATA", rcpt, "hears", StageData, 2 * time.Minute},
		{"content", data, "deaf", StageContent, 3 * time.Minute},
		{"final dot", data, "hears", StageFinal, 10 * time.Minute},
		{"pipelined", piped, "hears", StageMail, 5 * time.Minute},
		{"pipelined, not read", piped, "deaf", StageMail, 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				fellSilent := make(chan time.Time, 1)
				var peers sync.WaitGroup
				defer peers.Wait()
				peers.Go(func() {
					defer there.Close()
					peer := bufio.NewReader(there)
					for _, s := range test.steps {
						if s.expect != "" {
							peer.ReadString('\n')
						}
						io.WriteString(there, s.say)
					}
					fellSilent <- time.Now()
					switch test.last {
					case "hears":
						io.Copy(io.Discard, peer)
					case "talks":
						peers.Go(func() { io.Copy(io.Discard, peer) })
						for err := error(nil); err == nil; time.Sleep(time.Minute) {
							_, err = io.WriteString(there, "250-and another thing\r\n")
						}
					case "deaf":
						time.Sleep(time.Hour)
					}
				})
				err := oneMessage(NewClient(t.Context(), here, "mail.example.com", DefaultTimeouts()))
				waited := time.Since(<-fellSilent).Truncate(time.Minute) // a last word is listened for a second
				var failed *ClientError
				if !errors.As(err, &failed) || failed.Stage != test.stage || !errors.Is(err, os.ErrDeadlineExceeded) || waited != test.want {
					t.Errorf("%v after %v, want %v", err, waited, test.want)
				}
				here.Close()
			})
		})
	}
}

// oneMessage sends a message over a new connection.
func oneMessage(c *Client) error {
	defer c.Close()
	if _, err := c.Greeting(); err != nil {
		return err
	}
	if _, err := c.Hello(); err != nil {
		return err
	}
	_, err := c.Send(Transaction{From: "a@x.example", To: []string{"b@y.example"}}, content(strings.Repeat("many lines\r\n", 10000)))
	return err
}
