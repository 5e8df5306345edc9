package shell

import (
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// dateLayout is how every screen writes a moment; UTC is called GMT there.
const dateLayout = "Mon Jan 02 15:04:05 2006 MST"

// lastLogin says when and from where the user came last, for the banner.
func (l *loginLog) lastLogin(user string) string {
	r, ok := l.latest(user)
	if !ok {
		return "Never"
	}
	return dated(r.In) + " from " + r.Remote
}

func dated(t time.Time) string {
	return strings.Replace(localtime.In(t).Format(dateLayout), " UTC", " GMT", 1)
}
