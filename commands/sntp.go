package commands

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// askClock is one SNTP question.
func askClock(ctx context.Context, at netip.AddrPort) (d offsetDocument, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", at.String())
	if err != nil {
		return d, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	sent := time.Now()
	question := make([]byte, 48)
	question[0] = 4<<3 | 3 // version 4, client
	putNTP(question[40:], sent)
	if _, err := conn.Write(question); err != nil {
		return d, err
	}
	answer := make([]byte, 512)
	for {
		n, err := conn.Read(answer)
		if err != nil {
			return d, err
		}
		d, err := readClock(question, answer[:n], sent, time.Now())
		if !errors.Is(err, errStranger) {
			return d, err
		}
	}
}

// errStranger says that a packet is not the answer to our question.
var errStranger = errors.New("not an answer to the question")

// readClock reads a server's answer (RFC 4330 §5): the offset is the mean of both ways' differences.
func readClock(question, answer []byte, sent, received time.Time) (d offsetDocument, err error) {
	if len(answer) < 48 || answer[0]&7 != 4 || !slices.Equal(answer[24:32], question[40:48]) {
		return d, errStranger
	}
	d.Stratum = int(answer[1])
	if answer[0]>>6 == 3 || d.Stratum == 0 || d.Stratum > 15 {
		return d, fmt.Errorf("the server says that it does not know the time")
	}
	arrived, left := ntpTime(answer[32:40], sent), ntpTime(answer[40:48], sent)
	d.Offset = (arrived.Sub(sent) + left.Sub(received)).Seconds() / 2
	d.Delay = max(0, (received.Sub(sent) - left.Sub(arrived)).Seconds())
	return d, nil
}

// ntpEpoch is 1900, in seconds before 1970.
const ntpEpoch = 2208988800

func putNTP(to []byte, t time.Time) {
	binary.BigEndian.PutUint32(to, uint32(t.Unix()+ntpEpoch))
	binary.BigEndian.PutUint32(to[4:], uint32(int64(t.Nanosecond())<<32/1e9))
}

// ntpTime reads a time stamp, in the era of 136 years that puts it next to now (RFC 4330 §3).
func ntpTime(from []byte, now time.Time) time.Time {
	seconds := int64(binary.BigEndian.Uint32(from)) - ntpEpoch
	const era = 1 << 32
	for now.Unix()-seconds > era/2 {
		seconds += era
	}
	return time.Unix(seconds, int64(binary.BigEndian.Uint32(from[4:]))*1e9>>32)
}
