package shell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"posthouse/internal/safefile"
)

// maxLogins is how many logins are remembered, and beyond that each user's latest one. The file may hold twice as many before it
// is written anew.
const maxLogins = 1000

// LoginInfo is one line of last.
type LoginInfo struct {
	User   string
	Remote string
	Login  time.Time
	Logout time.Time // zero: still logged in, or Lost
	Lost   bool      // the service ended before the session did
}

// loginRecord is one line of the file: a login, or with Out alone the end of the one with that number.
type loginRecord struct {
	ID     int64     `json:"id"` // grows for ever
	User   string    `json:"user,omitempty"`
	Remote string    `json:"remote,omitempty"`
	In     time.Time `json:"in,omitzero"`
	Out    time.Time `json:"out,omitzero"`
}

// loginLog is who was logged in, over restarts. Lines are appended without waiting for the disk: after a power cut the last
// ones may be missing, which harms nobody.
type loginLog struct {
	path string // empty: nothing is kept
	now  func() time.Time

	mu    sync.Mutex
	all   []loginRecord // the oldest first
	open  map[int64]bool
	last  int64
	lines int  // of the file
	torn  bool // its last line has no end: the power, or the room on the disk, was gone
}

// openLogins reads the file, if there is one. What cannot be read is left out.
func openLogins(dir string, now func() time.Time) *loginLog {
	l := &loginLog{now: now, open: map[int64]bool{}}
	if dir == "" {
		return l
	}
	l.path = filepath.Join(dir, "logins")
	data, _ := os.ReadFile(l.path)
	for line := range bytes.Lines(data) {
		var r loginRecord
		if json.Unmarshal(line, &r) == nil && checkText(r.User+r.Remote) == nil {
			l.take(r)
		}
		l.lines++
		l.torn = line[len(line)-1] != '\n'
	}
	return l
}

// take adds a record, or the end of one. The lock is held, or nobody else knows l yet.
func (l *loginLog) take(r loginRecord) {
	l.last = max(l.last, r.ID)
	if !r.In.IsZero() {
		l.all = append(l.all, r)
		if len(l.all) > maxLogins {
			l.shorten()
		}
		return
	}
	for i := range slices.Backward(l.all) {
		if l.all[i].ID == r.ID {
			l.all[i].Out = r.Out
			return
		}
	}
}

// shorten forgets the oldest login that is not its user's latest, if there is one.
func (l *loginLog) shorten() {
	for i, r := range l.all {
		if slices.ContainsFunc(l.all[i+1:], func(later loginRecord) bool { return later.User == r.User }) {
			l.all = slices.Delete(l.all, i, i+1)
			return
		}
	}
}

// latest is a user's latest login.
func (l *loginLog) latest(user string) (r loginRecord, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range slices.Backward(l.all) {
		if r.User == user {
			return r, true
		}
	}
	return loginRecord{}, false
}

// in notes a login and returns its number, for out.
func (l *loginLog) in(id identity) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := loginRecord{ID: l.last + 1, User: id.user, Remote: id.remote, In: l.now()}
	l.open[r.ID] = true
	l.take(r)
	l.write(r)
	return r.ID
}

// out notes the end of a login.
func (l *loginLog) out(number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, number)
	r := loginRecord{ID: number, Out: l.now()}
	l.take(r)
	l.write(r)
}

// write appends a record to the file, which is replaced by what is remembered once it has grown. What goes wrong is no
// reason to keep an operator out.
func (l *loginLog) write(r loginRecord) {
	if l.path == "" {
		return
	}
	if l.lines++; l.lines > 2*max(maxLogins, len(l.all)) {
		var b bytes.Buffer
		for _, r := range l.all {
			fmt.Fprintf(&b, "%s\n", encodeLogin(r))
		}
		if safefile.Write(l.path, b.Bytes(), 0o600) == nil {
			l.lines, l.torn = len(l.all), false
		}
		return
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	line := append(encodeLogin(r), '\n')
	if l.torn {
		line = append([]byte("\n"), line...)
	}
	n, err := f.Write(line)
	l.torn = err != nil && (n > 0 || l.torn)
}

func encodeLogin(r loginRecord) []byte {
	b, _ := json.Marshal(r) // strings and times only: it cannot fail
	return b
}

// list is every login that is remembered, the newest first.
func (l *loginLog) list() []LoginInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []LoginInfo
	for _, r := range slices.Backward(l.all) {
		out = append(out, LoginInfo{User: r.User, Remote: r.Remote, Login: r.In, Logout: r.Out, Lost: r.Out.IsZero() && !l.open[r.ID]})
	}
	return out
}

// Logins lists who was logged in at a terminal or by a script, over restarts, the newest first.
func (s *Session) Logins() []LoginInfo {
	if s.opts.logins == nil {
		return nil
	}
	return s.opts.logins.list()
}
