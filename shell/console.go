package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Console connects the caller's terminal, or lines of its standard input, to the shell behind the unix socket at path,
// and returns the session's exit status. A terminal is put back into its state.
func Console(ctx context.Context, path string, stdin io.Reader, stdout, stderr io.Writer) (status int, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return statusFailed, fmt.Errorf("console: is the appliance running? %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c, channels, requests, err := gossh.NewClientConn(conn, path, &gossh.ClientConfig{
		User:            consoleUser,
		HostKeyCallback: gossh.InsecureIgnoreHostKey(), // the socket's place in the data folder says whose it is
	})
	if err != nil {
		return statusFailed, fmt.Errorf("console: %w", err)
	}
	client := gossh.NewClient(c, channels, requests)
	defer client.Close()
	sess, err := client.NewSession()
	if err != nil {
		return statusFailed, fmt.Errorf("console: %w", err)
	}
	sess.Stdin, sess.Stdout, sess.Stderr = stdin, stdout, stderr
	restore, err := borrowTerminal(sess, stdin)
	if err != nil {
		return statusFailed, fmt.Errorf("console: %w", err)
	}
	defer restore()
	if err := sess.Shell(); err != nil {
		return statusFailed, fmt.Errorf("console: %w", err)
	}
	return exitStatus(sess.Wait())
}

// exitStatus reads a session's end.
func exitStatus(err error) (int, error) {
	var exit *gossh.ExitError
	if errors.As(err, &exit) {
		return exit.ExitStatus(), nil
	}
	if err != nil {
		return statusFailed, fmt.Errorf("console: %w", err)
	}
	return statusOK, nil
}

// borrowTerminal lets the session use the terminal that in is, if it is one: raw, and with its size followed.
func borrowTerminal(sess *gossh.Session, in io.Reader) (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}, nil
	}
	width, height, _ := term.GetSize(int(f.Fd()))
	if err := sess.RequestPty(os.Getenv("TERM"), height, width, gossh.TerminalModes{}); err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	sizes, done, over := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(sizes, unix.SIGWINCH)
	go func() {
		defer close(over)
		for {
			select {
			case <-sizes:
				if w, h, err := term.GetSize(int(f.Fd())); err == nil {
					sess.WindowChange(h, w)
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(sizes)
		close(done)
		<-over
		term.Restore(int(f.Fd()), before)
	}, nil
}
