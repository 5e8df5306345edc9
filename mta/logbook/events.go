package logbook

import (
	"context"
	"fmt"
	trace "runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
)

const (
	mailLog      = "mail_logs"
	lookBack     = 20000 // lines of mail_logs in which the beginnings of messages are looked for that are under way
	mostMessages = 50000 // messages and connections of either direction that are remembered at once
	mostNamed    = 20    // recipients that an event names

	readAgain  = 5 * time.Second // before mail_logs is read again, where that has failed
	faultPause = time.Minute     // between two lines about faults
)

// events makes one event of every message, of the lines of mail_logs: so nothing is asked of the mail itself. It needs
// mail_logs to have the level information.
type events struct {
	stop func()
	done chan struct{}
	to   atomic.Pointer[[]*eventlog.Log]
}

// followEvents sees to it that events are written where a log wants them.
func (b *Book) followEvents() {
	b.mu.Lock()
	var to []*eventlog.Log
	var source *eventlog.Log
	for _, e := range b.entries {
		switch {
		case e.sub.Type == config.EventLogs:
			to = append(to, e.log)
		case e.name == mailLog:
			source = e.log
		}
	}
	running := b.events
	if len(to) == 0 {
		b.events = nil
	}
	b.mu.Unlock()
	switch {
	case len(to) == 0:
		running.close()
	case running != nil:
		running.to.Store(&to)
	default:
		ctx, stop := context.WithCancel(context.Background())
		ev := &events{stop: stop, done: make(chan struct{})}
		ev.to.Store(&to)
		b.mu.Lock()
		b.events = ev
		b.mu.Unlock()
		c := newConsolidator(b.opts, b.machine, ev.write)
		go func() {
			defer close(ev.done)
			b.consolidate(ctx, source, c)
		}()
	}
}

// machine is the machine's name in the running configuration.
func (b *Book) machine() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hostname
}

// consolidate makes events of the lines of mail_logs until ctx ends. Where they cannot be read that is said, and tried again.
func (b *Book) consolidate(ctx context.Context, source *eventlog.Log, c *consolidator) {
	since := b.opts.Now().Truncate(time.Second)
	for {
		err := source.Tail(ctx, lookBack, func(line string) error {
			b.consolidateLine(c, line, since)
			return nil
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		b.problem("Consolidated events are interrupted: " + err.Error())
		if !pause(ctx, readAgain, nil) {
			return
		}
		since = b.opts.Now().Truncate(time.Second)
	}
}

// consolidateLine looks at one line. A fault of ours costs the event of its message, and is told, not more than once a minute.
func (b *Book) consolidateLine(c *consolidator, line string, since time.Time) {
	var e maillog.Event
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		c.messages.forget(e.MID)
		if now := b.opts.Now(); now.Sub(c.faulted) >= faultPause {
			c.faulted = now
			b.problem(fmt.Sprintf("fault in the consolidated events, the one of MID %d is left out: %v\n%s", e.MID, r, trace.Stack()))
		}
	}()
	var ok bool
	if e, ok = maillog.ParseLine(line); ok {
		c.see(e, !e.Time.Before(since))
	}
}

func (ev *events) close() {
	if ev != nil {
		ev.stop()
		<-ev.done
	}
}

func (ev *events) write(line string) {
	for _, l := range *ev.to.Load() {
		l.Line(eventlog.Info, line)
	}
}

// consolidator gathers what is known of the messages under way.
type consolidator struct {
	version, serial string
	host            func() string // the machine's name at present
	write           func(line string)

	in, out  *latest[visit]
	messages *latest[message]
	faulted  time.Time // when a fault was told last
}

// visit is a connection.
type visit struct {
	address, name, group, action, tls string
}

// message is what is known of one.
type message struct {
	began                       time.Time
	icid, dcid                  uint64
	from                        string
	to                          []string
	recipients                  int
	id, subject, policy         string
	bytes                       string
	in, out                     visit
	delivered, bounced, deleted int
	rejected                    int
	responses, failures         []string
	delayed                     int
	dropped, aborted, ofBounce  string
	started                     bool // its beginning was seen
	incomplete                  bool // it goes on, and more is not remembered
}

func newConsolidator(o Options, host func() string, write func(string)) *consolidator {
	return &consolidator{
		version: o.Version, serial: o.Serial, host: host, write: write,
		in: newLatest[visit](mostMessages), out: newLatest[visit](mostMessages), messages: newLatest[message](mostMessages),
	}
}

// see takes one line of mail_logs; fresh says that an event may come of it.
func (c *consolidator) see(e maillog.Event, fresh bool) {
	switch {
	case e.MID != 0:
		c.message(e, fresh)
	case e.ICID != 0:
		see(c.in, e.ICID, e)
	case e.DCID != 0:
		see(c.out, e.DCID, e)
	}
}

// see is a line about a connection only.
func see(visits *latest[visit], id uint64, e maillog.Event) {
	v := visits.find(id)
	if v == nil {
		v = &visit{}
		visits.add(id, v)
	}
	f := e.Fields
	switch e.Kind {
	case maillog.ConnectionIn:
		v.address, v.name = f["address"], f["host"]
	case maillog.ConnectionOut:
		v.address = f["address"]
	case maillog.HostAccess:
		v.group, v.action = f["group"], f["action"]
	case maillog.TLSInSuccess, maillog.TLSOutSuccess:
		v.tls = f["protocol"] + " " + f["cipher"]
	case maillog.ConnectionInClosed, maillog.ConnectionOutClosed:
		visits.forget(id)
	}
}

func (c *consolidator) message(e maillog.Event, fresh bool) {
	m := c.messages.find(e.MID)
	if m == nil {
		m = &message{began: e.Time}
		if oldest, full := c.messages.add(e.MID, m); full {
			c.giveUp(oldest.id, oldest.value, e.Time, fresh)
		}
	}
	c.note(m, e)
	if e.Kind == maillog.MessageFinished || e.Kind == maillog.MessageAborted {
		c.messages.forget(e.MID)
		if fresh {
			c.write(c.event(e, m))
		}
	}
}

// giveUp writes what is known of a message that is under way and has to be forgotten. Where its beginning was forgotten before,
// it has had its event, and gets a last one when it is finished.
func (c *consolidator) giveUp(mid uint64, m *message, at time.Time, fresh bool) {
	if fresh && m.started {
		m.incomplete = true
		c.write(c.event(maillog.Event{Time: at, MID: mid}, m))
	}
}

// note keeps what a line says of a message.
func (c *consolidator) note(m *message, e maillog.Event) {
	f := e.Fields
	switch e.Kind {
	case maillog.MessageStarted:
		m.icid, m.started = e.ICID, true
		if v := c.in.find(e.ICID); v != nil {
			m.in = *v
		}
	case maillog.From:
		m.from = f["from"]
	case maillog.To:
		m.recipients++
		if len(m.to) < mostNamed {
			m.to = append(m.to, f["to"])
		}
	case maillog.ToRejected:
		m.rejected++
	case maillog.MessageID:
		m.id = f["id"]
	case maillog.Subject:
		m.subject = f["subject"]
	case maillog.Ready:
		m.bytes = f["bytes"]
	case maillog.PolicyMatched:
		m.policy = f["policy"]
	case maillog.BounceGenerated:
		m.ofBounce = strconv.FormatUint(e.Other, 10)
	case maillog.DroppedByFilter:
		m.dropped = f["filter"]
	case maillog.ReceivingAborted:
		m.aborted = "Receiving aborted by sender"
	default:
		c.noteDelivery(m, e)
	}
}

// noteDelivery keeps what a line says of the way out.
func (c *consolidator) noteDelivery(m *message, e maillog.Event) {
	f := e.Fields
	if v := c.out.find(e.DCID); v != nil {
		m.dcid, m.out = e.DCID, *v
	}
	switch e.Kind {
	case maillog.MessageDone, maillog.PossibleDelivery:
		m.delivered += len(e.RIDs)
	case maillog.Response:
		m.responses = some(m.responses, strings.Trim(f["response"], `'"`))
	case maillog.Bounced, maillog.DoubleBounced:
		m.bounced++
		m.failures = some(m.failures, f["status"]+" "+f["words"])
	case maillog.Delayed:
		m.delayed++
		m.failures = some(m.failures, f["status"]+" "+f["words"])
	case maillog.Deleted:
		m.deleted += len(e.RIDs)
	}
}

// some adds what is not there yet, up to a few.
func some(list []string, s string) []string {
	if len(list) >= mostNamed || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// event is a message's line.
func (c *consolidator) event(e maillog.Event, m *message) string {
	tls := func(v visit, used bool) string {
		if v.tls == "" && used {
			return "none"
		}
		return v.tls
	}
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	stamp := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	id, words, severity := m.outcome(e)
	return cefLine(c.version, id, words, severity, []field{
		{"deviceExternalId", c.serial}, {"dvchost", c.host()},
		{"start", stamp(m.began)}, {"end", stamp(e.Time)},
		{"cn1", number(e.MID)}, {"cn1Label", "MID"},
		{"cn2", strconv.FormatUint(m.icid, 10)}, {"cn2Label", "ICID"},
		{"cn3", strconv.FormatUint(m.dcid, 10)}, {"cn3Label", "DCID"},
		{"src", m.in.address}, {"shost", unless(m.in.name, "unknown")}, {"suser", m.from}, {"duser", strings.Join(m.to, ";")},
		{"cnt", strconv.Itoa(m.recipients)}, {"in", m.bytes}, {"msg", m.subject}, {"dst", m.out.address},
		{"act", m.in.action}, {"outcome", strings.ToLower(words)}, {"reason", m.reason()},
		{"cs1", unless(m.in.group, "")}, {"cs1Label", labelled(m.in.group, "SenderGroup")},
		{"cs2", tls(m.in, m.in.address != "")}, {"cs2Label", labelled(m.in.address, "TLSIn")},
		{"cs3", tls(m.out, m.dcid != 0)}, {"cs3Label", labelled(number(m.dcid), "TLSOut")},
		{"cs4", m.id}, {"cs4Label", labelled(m.id, "MessageID")},
		{"cs5", m.policy}, {"cs5Label", labelled(m.policy, "MailPolicy")},
		{"cs6", strings.Join(m.responses, "; ")}, {"cs6Label", labelled(strings.Join(m.responses, ""), "Response")},
		{"flexNumber1", strconv.Itoa(m.delayed)}, {"flexNumber1Label", "DelayedEvents"},
		{"flexNumber2", strconv.Itoa(m.rejected)}, {"flexNumber2Label", "RejectedRecipients"},
		{"flexString1", m.ofBounce}, {"flexString1Label", labelled(m.ofBounce, "BounceOfMID")},
	})
}

// outcome is what became of the message: an id and words for programs and people, and how grave it is, 0 to 10.
func (m *message) outcome(e maillog.Event) (id, words, severity string) {
	switch {
	case m.incomplete:
		return "MESSAGE_INCOMPLETE", "Incomplete", "3"
	case m.dropped != "":
		return "MESSAGE_DROPPED", "Dropped", "5"
	case e.Kind == maillog.MessageAborted:
		return "MESSAGE_ABORTED", "Aborted", "3"
	case m.delivered > 0 && m.bounced == 0 && m.deleted == 0:
		return "MESSAGE_DELIVERED", "Delivered", "1"
	case m.delivered > 0:
		return "MESSAGE_PARTLY_DELIVERED", "Partly delivered", "4"
	case m.bounced > 0:
		return "MESSAGE_BOUNCED", "Bounced", "5"
	case m.deleted > 0:
		return "MESSAGE_DELETED", "Deleted", "4"
	}
	return "MESSAGE_DONE", "Done", "2"
}

func (m *message) reason() string {
	switch {
	case m.dropped != "":
		return "Dropped by filter " + m.dropped
	case m.aborted != "":
		return m.aborted
	}
	return strings.Join(m.failures, "; ")
}

// unless is s, and nothing where it is the word that stands for nothing.
func unless(s, nothing string) string {
	if s == nothing {
		return ""
	}
	return s
}

// labelled is the label of a value that is there.
func labelled(value, label string) string {
	if value == "" {
		return ""
	}
	return label
}
