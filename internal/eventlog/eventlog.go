// Package eventlog owns the log subscriptions on disk: lines with time and level, rotating files with a link to the
// current one, and reading them back in order (grep and tail). It knows nothing of what the lines say; mta/maillog does
// for mail_logs. It is a leaf: it imports nothing of ours and every package may import it.
//
// Line appends to memory and returns; one goroutine of the Log writes within 20 milliseconds, so that no slow disk holds up
// mail. A line that is older than that is in the file, and survives the death of the process (not of the
// machine: files are synced only when they are finished).
package eventlog

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/internal/localtime"
)

// Level says how grave a line is. The zero value means Info where a threshold is asked for.
type Level int

const (
	Critical Level = iota + 1
	Warning
	Info
	Debug
	Trace
)

// String is the level's name as it stands in a line.
func (l Level) String() string {
	switch l {
	case Critical:
		return "Critical"
	case Warning:
		return "Warning"
	case Debug:
		return "Debug"
	case Trace:
		return "Trace"
	default:
		return "Info"
	}
}

// timeLayout is ctime with the year, the day padded with a blank.
const timeLayout = "Mon Jan _2 15:04:05 2006"

const (
	defaultMaxSize  = 10 << 20
	defaultMaxFiles = 10
	// maxPending bounds what waits in memory for a disk that takes nothing; lines beyond it are counted and dropped.
	maxPending = 16 << 20
	// pace is the least time between two writes, so that a busy log makes few large writes and not many small ones. A line
	// that comes later than that behind the last write is written at once.
	pace = 20 * time.Millisecond
	// retry is the time between two tries to write to a disk that fails.
	retry = time.Second
)

// Options describe one subscription.
type Options struct {
	Dir      string           // the folder of all logs; the subscription's own is Dir/Name
	Name     string           // "mail_logs"
	File     string           // what file names begin with: "mail" for mail.current
	Type     string           // "Text Mail Logs"
	Version  string           // of the appliance, for the head of each file
	Serial   string           // of the appliance, for the head of each file
	Raw      bool             // lines are written as they come, without time and level, and files have no head: for lines of JSON
	Level    Level            // less grave lines are not written; zero: Info
	MaxSize  int64            // bytes at which a file is finished; zero: 10 MiB
	MaxFiles int              // files kept, the current one included; zero: 10
	Now      func() time.Time // nil: localtime.Now
	Readers  *Readers         // what readers of all logs may take together; nil: this log has a bound of its own

	disk *disk // nil: the operating system; tests make its steps fail
}

// Log is one subscription. All methods may be called from many goroutines at once.
type Log struct {
	opts   Options
	folder string
	disk   *disk
	wake   chan struct{} // holds at most one token: there is something to write
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the writing goroutine has ended

	also atomic.Pointer[[]*Log] // take the same lines

	mu       sync.Mutex // guards what Line and the readers need; never held while the disk works
	pending  []byte     // lines that nobody has taken yet
	backlog  int        // bytes taken but not yet in the file
	dropped  int        // lines lost to a full pending buffer and not yet told of
	closed   bool       // no further lines are taken
	now      time.Time  // of the latest stamp
	second   int64      // the time that prefix stands for
	zone     *time.Location
	prefix   string        // the formatted time of the latest line
	stamps   []string      // of all files, oldest first, the current one last
	grown    chan struct{} // closed and replaced whenever a file has grown, and at the end
	complete bool          // nothing will be written any more
	maxSize  int64
	maxFiles int
	level    Level
	push     Push

	fileMu  sync.Mutex // guards the file itself; taken before mu
	file    file
	size    int64
	out     []byte    // taken from pending; stays here when the disk refuses it
	rollAt  time.Time // no roll over by size before this time, after one has failed
	ended   bool      // the last file is closed
	unclean []string  // stamps at which runs began that did not end in order
	run     string    // the stamp at which this run began
}

// Open opens the subscription, creating its folder where needed, closes what a dead process left open and begins a new
// file. The caller closes the Log.
func Open(opts Options) (*Log, error) {
	if opts.Now == nil {
		opts.Now = localtime.Now
	}
	if opts.Readers == nil {
		opts.Readers = NewReaders()
	}
	l := &Log{
		opts:   opts,
		folder: filepath.Join(opts.Dir, opts.Name),
		disk:   opts.disk,
		wake:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
		grown:  make(chan struct{}),
		level:  opts.Level,
	}
	if l.disk == nil {
		l.disk = osDisk()
	}
	if l.level == 0 {
		l.level = Info
	}
	l.SetLimits(opts.MaxSize, opts.MaxFiles)
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("open log %s: %w", opts.Name, err)
	}
	go l.write()
	return l, nil
}

// start brings the folder in order and begins the first file of this run.
func (l *Log) start() error {
	if err := os.MkdirAll(l.folder, 0o750); err != nil {
		return err
	}
	if err := l.takeStock(); err != nil {
		return err
	}
	return l.begin()
}

// Name is the subscription's name, "mail_logs".
func (l *Log) Name() string { return l.opts.Name }

// Type is what the subscription's kind is called, "Text Mail Logs".
func (l *Log) Type() string { return l.opts.Type }

// Folder is the path of the subscription's own folder.
func (l *Log) Folder() string { return l.folder }

// SetLimits sets the size in bytes at which a file is finished and the number of files kept, the current one included;
// zero means the default. It holds from the next line on.
func (l *Log) SetLimits(size int64, files int) {
	if size <= 0 {
		size = defaultMaxSize
	}
	if files <= 0 {
		files = defaultMaxFiles
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.maxSize, l.maxFiles = size, files
}

// SetLevel sets the threshold: less grave lines are not written.
func (l *Log) SetLevel(level Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level = level
}

// Push is told of every line as it is taken, in order. It must not wait: the lines of everybody wait for it. text is valid
// during the call only.
type Push func(at time.Time, level Level, text []byte)

// SetPush has the log's further lines told to push as well; nil: nobody.
func (l *Log) SetPush(push Push) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.push = push
}

// SetAlso has others take the further lines that this log is given, whatever its own level is: each by its own level. None of
// them may be a log that hands its lines on to this one.
func (l *Log) SetAlso(others []*Log) {
	if len(others) == 0 {
		l.also.Store(nil)
		return
	}
	others = append([]*Log(nil), others...)
	l.also.Store(&others)
}
