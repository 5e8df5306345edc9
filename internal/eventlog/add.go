package eventlog

import (
	"bytes"
	"fmt"
)

// Line adds a line, with the present time unless the Log is raw. It does not wait for the disk. Parts of text that come from outside went
// through Escape; a control byte that is left in it all the same is escaped here, so one call is always one line.
func (l *Log) Line(level Level, text string) { addLine(l, level, clean(text)) }

// LineBytes is Line for a text that is the caller's again when it returns.
func (l *Log) LineBytes(level Level, text []byte) {
	if !plain(text) {
		l.Line(level, string(text))
		return
	}
	addLine(l, level, text)
}

// Lines is LineBytes for several lines, each with its end. They stand together and have the same time.
func (l *Log) Lines(level Level, text []byte) {
	for line := range bytes.Lines(text) {
		if !plain(line[:len(line)-1]) {
			l.eachLine(level, text)
			return
		}
	}
	l.plainLines(level, text)
	if also := l.also.Load(); also != nil {
		for _, other := range *also {
			other.plainLines(level, text)
		}
	}
}

// plainLines adds lines that are clean.
func (l *Log) plainLines(level Level, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || level > l.level {
		return
	}
	l.stamp()
	for line := range bytes.Lines(text) {
		add(l, level, line[:len(line)-1])
	}
	l.kick()
}

// eachLine adds lines one by one.
func (l *Log) eachLine(level Level, text []byte) {
	for line := range bytes.Lines(text) {
		l.LineBytes(level, line[:len(line)-1])
	}
}

// addLine adds a line of clean text and sees to it that it is written.
func addLine[T string | []byte](l *Log, level Level, text T) {
	addOwn(l, level, text)
	if also := l.also.Load(); also != nil {
		for _, other := range *also {
			addOwn(other, level, text)
		}
	}
}

func addOwn[T string | []byte](l *Log, level Level, text T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || level > l.level {
		return
	}
	l.stamp()
	add(l, level, text)
	l.kick()
}

// add appends a line to what is pending, with the time of the last stamp; mu is held.
func add[T string | []byte](l *Log, level Level, text T) {
	if l.push != nil {
		l.push(l.now, level, []byte(text))
	}
	if len(l.pending)+l.backlog+len(text) > maxPending {
		l.dropped++
		return
	}
	if l.dropped > 0 {
		n := l.dropped
		l.dropped = 0
		l.pending = l.appendLost(l.pending, n)
	}
	if l.opts.Raw {
		l.pending = append(append(l.pending, text...), '\n')
		return
	}
	l.pending = appendLine(l.pending, l.prefix, level, text)
}

// stamp makes prefix the present time. mu is held, so that lines are in the order of their times.
func (l *Log) stamp() {
	now := l.opts.Now()
	l.now = now
	if s := now.Unix(); s != l.second || l.prefix == "" || now.Location() != l.zone {
		l.second, l.zone, l.prefix = s, now.Location(), now.Format(timeLayout)
	}
}

// appendLost says how many lines there are not.
func (l *Log) appendLost(b []byte, n int) []byte {
	if l.opts.Raw {
		return fmt.Appendf(b, "{\"lost_lines\":%d}\n", n)
	}
	return appendLine(b, l.prefix, Warning, fmt.Sprintf("%d lines were lost because the log could not be written", n))
}

func appendLine[T string | []byte](b []byte, prefix string, level Level, text T) []byte {
	b = append(b, prefix...)
	b = append(b, ' ')
	b = append(b, level.String()...)
	b = append(b, ": "...)
	b = append(b, text...)
	return append(b, '\n')
}
