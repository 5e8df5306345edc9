package testscripts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// typist is a person at a terminal in which a program runs.
type typist struct {
	ts      *testscript.TestScript
	master  *os.File
	program *exec.Cmd
	gone    chan struct{} // closed once the program has ended and all of its output is in out

	mu   sync.Mutex
	out  []byte
	more chan struct{} // closed and replaced with every new output

	read int    // of out, what was seen already
	part string // what the last look passed over
}

// terminalVerb is "terminal [WIDTHxHEIGHT] FILE COMMAND...": run COMMAND in a terminal of that size, 80x24 where none is
// given, and do what the lines of FILE say:
//
//	see TEXT       wait until TEXT has come, behind what was seen before
//	type TEXT      type TEXT and Enter; what follows type is typed as it stands, escapes as in Go
//	press KEYS     type KEYS without Enter
//	without TEXT   the part of the output that the last see has taken must not have TEXT
//	resize WxH     give the terminal another size
//	turn TEXT      turn the page behind a resize, and see TEXT without another marker
//	end            wait until COMMAND has ended
//	end N          and until its exit status is N
func terminalVerb(ts *testscript.TestScript, neg bool, args []string) {
	size := "80x24"
	if len(args) > 0 && args[0][0] >= '0' && args[0][0] <= '9' {
		size, args = args[0], args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal [WIDTHxHEIGHT] FILE COMMAND...")
	}
	p := sitDown(ts, size, args[1:]...)
	defer p.leave()
	for n, line := range strings.Split(ts.ReadFile(args[0]), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.act(line); err != nil {
			ts.Fatalf("%s:%d: %s: %v", args[0], n+1, line, err)
		}
	}
}

// sitDown starts a program in a new terminal.
func sitDown(ts *testscript.TestScript, size string, command ...string) *typist {
	master, tty, err := openTerminal()
	ts.Check(err)
	defer tty.Close()
	p := &typist{ts: ts, master: master, gone: make(chan struct{}), more: make(chan struct{})}
	ts.Check(p.resize(size))
	path := command[0]
	if path == "ssh" {
		path = ts.MkAbs("bin/ssh")
	}
	p.program = exec.Command(path, command[1:]...)
	p.program.Dir = ts.MkAbs(".")
	p.program.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TERM=vt100", "TZ=UTC"}
	p.program.Stdin, p.program.Stdout, p.program.Stderr = tty, tty, tty
	p.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(p.program.Start())
	go p.listen()
	return p
}

// openTerminal makes a pseudo-terminal; see pty(7).
func openTerminal() (master, tty *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, tty, err
}

// listen collects the output until the program has closed its terminal.
func (p *typist) listen() {
	defer close(p.gone)
	chunk := make([]byte, 16<<10)
	for {
		n, err := p.master.Read(chunk)
		p.mu.Lock()
		p.out = append(p.out, chunk[:n]...)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			p.program.Wait()
			return
		}
	}
}

// leave ends the program, if it still runs.
func (p *typist) leave() {
	p.program.Process.Kill()
	<-p.gone
	p.master.Close()
}

func (p *typist) act(line string) error {
	word, text, _ := strings.Cut(line, " ")
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		return err
	}
	switch word {
	case "see":
		return p.see(text)
	case "without":
		if strings.Contains(p.part, text) {
			return fmt.Errorf("it came:\n%s", p.part)
		}
		return nil
	case "type":
		return p.press(text + "\r")
	case "press":
		return p.press(text)
	case "interrupt":
		return p.interrupt()
	case "resize":
		return p.resize(text)
	case "turn":
		return p.turn(text)
	case "end":
		return p.end(text)
	}
	return fmt.Errorf("%q is not understood", word)
}

func (p *typist) press(keys string) error {
	_, err := p.master.WriteString(keys)
	return err
}

func (p *typist) resize(size string) error {
	var w, h uint16
	if _, err := fmt.Sscanf(size, "%dx%d", &w, &h); err != nil {
		return err
	}
	err := unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: h, Col: w})
	if err != nil || p.program == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll(ctx, p.resting)
}

var (
	sleeping = regexp.MustCompile(`(?m)^State:\tS`)
	pending  = regexp.MustCompile(`(?m)^ShdPnd:\t([0-9a-f]+)$`)
)

// resting says that the program has nothing to do: it has taken note of the terminal's size, and told whomever it tells.
func (p *typist) resting() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.program.Process.Pid))
	if err != nil {
		return true // it has ended, or there is no such file here
	}
	signals := pending.FindSubmatch(status)
	if signals == nil || !sleeping.Match(status) {
		return false
	}
	set, err := strconv.ParseUint(string(signals[1]), 16, 64)
	return err == nil && set&(1<<(unix.SIGWINCH-1)) == 0
}

// see waits until text has come.
func (p *typist) see(text string) error {
	return p.until(func(unread string) int {
		if i := strings.Index(unread, text); i >= 0 {
			return i + len(text)
		}
		return -1
	})
}

// marker ends a page.
const marker = "-Press Any Key For More-"

// turn turns a page. A key may overtake the news of another size on their way through the server, so one page may still have
// the former size.
func (p *typist) turn(text string) error {
	former := false
	if err := p.press("\r"); err != nil {
		return err
	}
	err := p.until(func(unread string) int {
		if i := strings.Index(unread, marker); i >= 0 && !strings.Contains(unread[:i], text) {
			former = true
			return i + len(marker)
		}
		if i := strings.Index(unread, text); i >= 0 {
			return i + len(text)
		}
		return -1
	})
	if err != nil || !former {
		return err
	}
	if err := p.press("\r"); err != nil {
		return err
	}
	if err := p.see(text); err != nil {
		return err
	}
	if strings.Contains(p.part, marker) {
		return fmt.Errorf("the pages keep the former size:\n%s", p.part)
	}
	return nil
}

// until waits until found says how much of the unread output it wants to take; -1 is that it wants to see more.
func (p *typist) until(found func(unread string) int) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for ended := false; ; {
		p.mu.Lock()
		unread, more := string(p.out[p.read:]), p.more
		p.mu.Unlock()
		if n := found(unread); n >= 0 {
			p.part = unread[:n]
			p.read += n
			return nil
		}
		if ended {
			return fmt.Errorf("the program has ended; unread:\n%s", unread)
		}
		select {
		case <-more:
		case <-p.gone:
			ended = true
		case <-late.C:
			return fmt.Errorf("it does not come; unread:\n%s", unread)
		}
	}
}

// interrupt presses Ctrl-C until the program ends: ssh loses one that comes between its prompt and its reading.
func (p *typist) interrupt() error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := p.press("\x03"); err != nil {
			return err
		}
		select {
		case <-p.gone:
			return nil
		case <-time.After(time.Second):
		}
	}
	return fmt.Errorf("it does not end; unread:\n%s", p.out[p.read:])
}

// end waits for the program's end.
func (p *typist) end(status string) error {
	select {
	case <-p.gone:
	case <-time.After(patience):
		return fmt.Errorf("it does not end; unread:\n%s", p.out[p.read:])
	}
	p.part = string(p.out[p.read:])
	p.read = len(p.out)
	if got := strconv.Itoa(p.program.ProcessState.ExitCode()); status != "" && got != status {
		return fmt.Errorf("its exit status is %s:\n%s", got, p.part)
	}
	return nil
}
