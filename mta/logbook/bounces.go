package logbook

import (
	"fmt"

	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
)

const bounceLog = "bounces"

// Bounced writes the line of Bounce Logs about a recipient whose delivery has failed for good. No DCID, 0, means that no
// host was connected to.
func (b *Book) Bounced(dcid, mid uint64, sender, recipient string, rid int, f maillog.Failure) {
	b.Log(bounceLog).Line(eventlog.Info, fmt.Sprintf("Bounced: DCID %d MID %d From:<%s> To:<%s> RID %d - %s",
		dcid, mid, eventlog.Escape(sender), eventlog.Escape(recipient), rid, f.String()))
}
