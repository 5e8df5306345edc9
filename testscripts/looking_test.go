package testscripts

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// callersVerb is "callers HOST:PORT N": N connections to a listener that have seen its banner stay open until the script
// ends.
func callersVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: callers HOST:PORT N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for range n {
		conn, err := net.DialTimeout("tcp", args[0], patience)
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
			ts.Fatalf("banner %q, %v", line, err)
		}
	}
}
