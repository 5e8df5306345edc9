package smtp

import "time"

// stop makes the next wait for a command, or the one that goes on, return ErrStopped unless a transaction is open.
func (c *wire) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if c.idle {
		c.readBy = time.Time{}
		c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// setTime changes the time for one command or one block.
func (c *wire) setTime(each time.Duration) {
	c.each = each
	c.forgetDeadlines()
}

// forgetDeadlines is called where the connection's deadlines may be others than readBy and writeBy.
func (c *wire) forgetDeadlines() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy, c.writeBy = time.Time{}, time.Time{}
}

// deadline returns until when the connection may take from now on, and whether that is another time than the one that is
// set. To move it costs as much as a small write, so one that is set is left for as long as it is late by no more than
// an eighth, or a second.
func (c *wire) deadline(now, set time.Time) (by time.Time, moved bool) {
	by = now.Add(c.each)
	if by.After(c.sessionEnd) {
		return c.sessionEnd, !set.Equal(c.sessionEnd)
	}
	if !set.Before(by) {
		return set, false
	}
	by = by.Add(min(c.each/8, time.Second))
	if by.After(c.sessionEnd) {
		by = c.sessionEnd
	}
	return by, true
}

// wait prepares for a read that may take long. It returns false where the session is to stop instead.
func (c *wire) wait(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping && c.resting {
		return false
	}
	c.idle = c.resting
	if c.begun && !c.content && !c.readBy.IsZero() {
		return true
	}
	c.begun = true
	by, moved := c.deadline(now, c.readBy)
	if moved {
		c.readBy = by
		c.raw.SetReadDeadline(by)
	}
	return true
}

// timedOut says which of the limits ended a read.
func (c *wire) timedOut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping && c.resting {
		return ErrStopped
	}
	if !time.Now().Before(c.sessionEnd) {
		return errSessionTime
	}
	return errIdle
}
