package queue

// Counts returns the counts of events since the start alone, which takes the same time however long the queue is; once it
// has stopped, those at its end.
func (q *Queue) Counts() (t Totals) {
	if !q.call(func(s *state) { t = s.totals }) {
		return q.totals
	}
	return t
}
