package logbook

import (
	"context"
	"reflect"

	"posthouse/config"
)

// change is a configuration that is prepared: the new logs are open.
type change struct {
	b        *Book
	conf     config.Logs
	hostname string
	newZone  bool // logs go by another time zone from now on
	opened   map[string]*entry
}

// Prepare is config.Applier's: it opens the logs that are new.
func (b *Book) Prepare(_ context.Context, before, next *config.Config) (config.Prepared, error) {
	newZone := before != nil && before.TimeZone != next.TimeZone
	c := &change{b: b, newZone: newZone, conf: next.Logs, hostname: next.Hostname, opened: map[string]*entry{}}
	for name, sub := range next.Logs.All() {
		if b.find(name) != nil {
			continue
		}
		e, err := b.open(name, sub, &next.Logs)
		if err != nil {
			c.Abort()
			return nil, err
		}
		c.opened[name] = e
	}
	return c, nil
}

// Abort is config.Prepared's.
func (c *change) Abort() {
	for _, e := range c.opened {
		_ = e.log.Close() // nothing has been written to it
	}
}

// Commit is config.Prepared's. Logs that are gone are closed, their files stay.
func (c *change) Commit() {
	b := c.b
	all := c.conf.All()
	before := b.entries // nobody else changes them: one commit at a time
	kept := []*entry{}
	var gone []*entry
	replaced := map[string]*entry{}
	for _, e := range before {
		sub := all[e.name]
		if sub == nil || sub.Type != e.sub.Type || sub.File != e.sub.File {
			gone = append(gone, e)
			continue
		}
		next := c.carried(e, sub)
		replaced[e.name] = e
		kept = append(kept, next)
	}
	for _, e := range c.opened {
		b.push(e, &c.conf, c.hostname) // before it has a line
		kept = append(kept, e)
	}
	b.swap(c, kept)
	for _, e := range gone {
		b.end(e)
		if sub := all[e.name]; sub != nil { // another log under the same name
			again, err := b.open(e.name, sub, &c.conf)
			if err != nil {
				b.problem(err.Error())
				continue
			}
			b.push(again, &c.conf, c.hostname)
			kept = append(kept, again)
		}
	}
	b.swap(c, kept)
	for _, e := range kept {
		if before := replaced[e.name]; before != nil {
			b.repush(e, before, c)
		}
	}
	if c.newZone {
		b.beginAnew(kept)
	}
	b.followEvents()
	b.notice()
	b.noticeStatus()
}

// beginAnew gives logs new files, whose heads say how far their lines are from UTC: the lines do not say it themselves.
func (b *Book) beginAnew(list []*entry) {
	for _, e := range list {
		if err := e.log.Rollover(); err != nil {
			b.problem(err.Error())
		}
	}
}

// carried is a log that goes on, under its new settings.
func (c *change) carried(e *entry, sub *config.Subscription) *entry {
	next := *e
	next.sub = sub
	next.log.SetLevel(levelOf(sub))
	next.log.SetLimits(c.conf.Limits(sub))
	if e.debug != nil && !reflect.DeepEqual(e.sub, sub) {
		next.debug = newDebug(sub, e.log, c.b.opts.Now())
	}
	return &next
}

// swap puts the entries in force.
func (b *Book) swap(c *change, list []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conf = c.conf
	b.entries = append([]*entry(nil), list...)
	b.arrange()
	b.hostname = c.hostname
	b.watch()
}

// end closes a log that nobody is handed any more.
func (b *Book) end(e *entry) {
	if err := e.log.Close(); err != nil {
		b.problem(err.Error())
	}
	if e.pusher != nil {
		b.work.Go(e.pusher.Close) // it may take its time to say goodbye
	}
}

// repush has a log's lines go to the server of its new settings; where nothing has changed the old connection stays.
func (b *Book) repush(e, before *entry, c *change) {
	if before.pusher != nil && b.samePush(e, before, c) {
		return
	}
	old := e.pusher
	b.push(e, &c.conf, c.hostname)
	if old != nil {
		b.work.Go(old.Close)
	}
}

// samePush compares what a connection to a syslog server goes by.
func (b *Book) samePush(e, before *entry, c *change) bool {
	if e.sub.Syslog == nil || before.sub.Syslog == nil {
		return false
	}
	host := e.sub.Syslog.Host
	return *e.sub.Syslog == *before.sub.Syslog && before.pushed == pushedAs{c.hostname, c.conf.HostKeys[host]}
}
