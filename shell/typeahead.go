package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

var (
	errTimeout = errors.New("no line came in time")
	errIdle    = errors.New("the session was idle for too long")
	errClosing = errors.New("the appliance is stopping")
	errLeave   = errors.New("end of input was typed") // Ctrl-D on an empty line
)

// maxTypeahead bounds what is read before somebody asks for it, in bytes. Beyond it the client has to wait.
const maxTypeahead = 256 << 10

const ctrlC = 3

// typeahead holds what a client sent until a question asks for it. Its pump goroutine reads on while a command runs, so
// that Ctrl-C is noticed then.
type typeahead struct {
	mu    sync.Mutex
	buf   []byte
	err   error         // why the client sends no more
	wake  chan struct{} // something came; capacity 1
	space chan struct{} // there is room again; capacity 1
	ended chan struct{} // closed when err is set

	keys      bool   // a terminal: Ctrl-C interrupts, and CR LF is one key
	interrupt func() // set while a command runs and no question waits
	afterCR   bool
	resized   bool // the terminal has another size; next says so once
}

// errResized is what next returns once after the terminal's size has changed.
var errResized = errors.New("the terminal has another size")

// resize lets next return errResized.
func (t *typeahead) resize() {
	t.mu.Lock()
	t.resized = true
	t.mu.Unlock()
	notify(t.wake)
}

// pending is how many bytes wait to be asked for.
func (t *typeahead) pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.buf)
}

func newTypeahead(keys bool) *typeahead {
	return &typeahead{keys: keys, wake: make(chan struct{}, 1), space: make(chan struct{}, 1), ended: make(chan struct{})}
}

// pump reads r until it fails or quit is closed. It is the goroutine that feeds the typeahead.
func (t *typeahead) pump(r io.Reader, quit <-chan struct{}) {
	chunk := make([]byte, 4<<10)
	for {
		n, err := r.Read(chunk)
		if n > 0 && !t.put(chunk[:n], quit) {
			return
		}
		if err != nil {
			t.end(err)
			return
		}
	}
}

// end notes that nothing more will come.
func (t *typeahead) end(err error) {
	t.mu.Lock()
	t.err = err
	t.mu.Unlock()
	close(t.ended)
	notify(t.wake)
}

// put appends b, waiting for room. It returns false when quit was closed meanwhile.
func (t *typeahead) put(b []byte, quit <-chan struct{}) bool {
	for {
		t.mu.Lock()
		if t.keys && t.interrupt != nil {
			b = t.interrupted(b)
		}
		if len(t.buf)+len(b) <= maxTypeahead {
			t.buf = append(t.buf, b...)
			t.mu.Unlock()
			notify(t.wake)
			return true
		}
		t.mu.Unlock()
		select {
		case <-t.space:
		case <-quit:
			return false
		}
	}
}

// interrupted acts on a Ctrl-C that comes while a command runs: as on every terminal, what was typed before is dropped.
func (t *typeahead) interrupted(b []byte) []byte {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == ctrlC {
			t.buf = t.buf[:0]
			t.interrupt()
			return b[i+1:]
		}
	}
	return b
}

// busy says that a command runs now and is interrupted by calling f; nil says that a question waits, or nothing does.
func (t *typeahead) busy(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.interrupt = f
	if f != nil && t.keys && len(t.buf) > 0 && t.buf[0] == ctrlC {
		t.buf = t.buf[1:]
		f()
	}
}

// next returns one byte, waiting for it as long as ctx lasts. At the end of the input it is the reader's error. Of a client
// that has vanished nothing is read any more, however much it left; a time that has passed ends only the waiting.
func (t *typeahead) next(ctx context.Context) (byte, error) {
	for {
		if errors.Is(ctx.Err(), context.Canceled) {
			return 0, context.Cause(ctx)
		}
		b, ok, err := t.take()
		if ok || err != nil {
			return b, err
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// head returns the first n bytes once they are there, fewer where the input ends before or ctx does. They stay.
func (t *typeahead) head(ctx context.Context, n int) []byte {
	for {
		t.mu.Lock()
		head, ended := bytes.Clone(t.buf[:min(n, len(t.buf))]), t.err != nil
		t.mu.Unlock()
		if len(head) == n || ended || ctx.Err() != nil {
			return head
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
		}
	}
}

// take returns a byte that is there already.
func (t *typeahead) take() (b byte, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.resized {
		t.resized = false
		return 0, false, errResized
	}
	for len(t.buf) > 0 {
		b = t.buf[0]
		t.buf = t.buf[1:]
		if len(t.buf) == 0 {
			t.buf = nil
		}
		if len(t.buf) <= maxTypeahead/2 {
			notify(t.space)
		}
		skip := t.keys && t.afterCR && b == '\n'
		t.afterCR = b == '\r'
		if !skip {
			return b, true, nil
		}
	}
	return 0, false, t.err
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
