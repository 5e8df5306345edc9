package testscripts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// atonceVerb is "atonce NAME FILE [OPTION...]": two operators at terminals, first and second, do by turns what the lines of
// FILE say; see terminalVerb for what can be said. The options are those of the second one's ssh.
func atonceVerb(ts *testscript.TestScript, neg bool, args []string) {
	who := map[string]*typist{"first": nil, "second": nil}
	for name := range who {
		command := []string{"ssh", "-tt", args[0]}
		if name == "second" {
			command = append(command, args[2:]...)
		}
		who[name] = sitDown(ts, "132x50", command...)
		defer who[name].leave()
	}
	for n, line := range strings.Split(ts.ReadFile(args[1]), "\n") {
		name, does, _ := strings.Cut(line, " ")
		if who[name] == nil {
			continue
		}
		if err := who[name].act(does); err != nil {
			ts.Fatalf("%s:%d: %s: %v", args[1], n+1, line, err)
		}
	}
}

// crowdVerb is "crowd NAME N": N sessions, 20 at once, that end in all the ways there are. Afterwards nobody is logged in
// and the process has no more files open than before, and hardly more threads. Memory may grow in a round, as the collector
// likes, but not in every round.
func crowdVerb(ts *testscript.TestScript, neg bool, args []string) {
	a := worldOf(ts).appliances[args[0]]
	all, err := strconv.Atoi(args[1])
	ts.Check(err)
	key, err := ssh.ParsePrivateKey([]byte(ts.ReadFile("id_ed25519")))
	ts.Check(err)
	c := &crowd{address: ts.Getenv(a.name + "_SSH"), config: &ssh.ClientConfig{User: "admin",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}}
	files := a.usage(ts).files
	c.gather(ts, all/4) // until then the process still grows to its usual size
	const rounds, growth = 5, 32 << 10
	for range rounds {
		before := a.usage(ts)
		c.gather(ts, all)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err = poll(ctx, func() bool { return a.usage(ts).files <= files })
		cancel()
		after := a.usage(ts)
		ts.Logf("at first %d files, before %+v, after %+v", files, before, after)
		if err != nil || after.threads > before.threads+8 {
			ts.Fatalf("%d sessions leave something behind: before %+v, after %+v", all, before, after)
		}
		if after.memory <= before.memory+growth {
			return
		}
	}
	ts.Fatalf("memory grows with every %d sessions", all)
}

// usage is what a process holds.
type usage struct {
	files, threads int
	memory         int // KiB that are resident
}

func (a *appliance) usage(ts *testscript.TestScript) usage {
	proc := fmt.Sprintf("/proc/%d", a.process.Process.Pid)
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	ts.Check(err)
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	ts.Check(err)
	u := usage{files: len(files)}
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "Threads":
			u.threads = n
		case "VmRSS":
			u.memory = n
		}
	}
	return u
}

// crowd is operators who are in a hurry.
type crowd struct {
	address string
	config  *ssh.ClientConfig
}

// gather lets n of them come and go.
func (c *crowd) gather(ts *testscript.TestScript, n int) {
	var wg sync.WaitGroup
	turns := make(chan int)
	faults := make(chan error, n)
	for range 20 {
		wg.Go(func() {
			for turn := range turns {
				if err := c.visit(turn); err != nil {
					faults <- fmt.Errorf("session %d: %w", turn, err)
				}
			}
		})
	}
	for turn := range n {
		turns <- turn
	}
	close(turns)
	wg.Wait()
	close(faults)
	for err := range faults {
		ts.Fatalf("%v", err)
	}
}

// visit is one session: a password or a key, a terminal or none, resized, left in the middle of a dialogue, by exit, by
// closing the channel, or by losing the connection.
func (c *crowd) visit(turn int) error {
	config := *c.config
	if turn%10 == 0 {
		config.Auth = []ssh.AuthMethod{ssh.Password(password)}
	}
	client, err := ssh.Dial("tcp", c.address, &config)
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return err
	}
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	if turn%4 == 3 {
		if err := s.Start([]string{"tail -n 5 mail_logs", "sethostname", "whoami; version", "nonsense"}[turn/4%4]); err != nil {
			return err
		}
		return nil // the connection is lost
	}
	return c.work(turn, s, func(keys string) error { _, err := in.Write([]byte(keys)); return err })
}

// work types at a terminal.
func (c *crowd) work(turn int, s *ssh.Session, press func(string) error) error {
	random := rand.New(rand.NewPCG(uint64(turn), 1))
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		return err
	}
	if err := s.Shell(); err != nil {
		return err
	}
	steps := []string{"help\r", "whoami\r", "destconfig\rnew\r", "passphrase\rgeheim\r", "certconfig\rcertificate\rpaste\r", "tail mail_logs\r", "\x03",
		"\x12ver", "\x1b[A\r", "sho\t\t", "listenerconfig\redit\r1\r", "half a line", "\r", " "}
	for range 20 {
		if err := press(steps[random.IntN(len(steps))]); err != nil {
			return err
		}
		if err := s.WindowChange(random.IntN(60), random.IntN(200)); err != nil {
			return err
		}
	}
	switch turn % 4 {
	case 0:
		if err := press("\x03\x03q\x03\x15exit\ry\r"); err != nil {
			return err
		}
	case 1:
		return s.Close()
	}
	return nil
}
