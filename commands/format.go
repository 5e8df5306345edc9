package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// stamp is how every screen writes a moment: Fri Mar 13 06:09:18 2026 GMT.
func stamp(t time.Time) string { return inZone(localtime.In(t)) }

// stampUTC is stamp for what certificates say.
func stampUTC(t time.Time) string { return inZone(t.UTC()) }

// inZone writes a moment with its zone. Operators and their scripts know UTC as GMT.
func inZone(t time.Time) string {
	text := t.Format("Mon Jan 02 15:04:05 2006 MST")
	if rest, ok := strings.CutSuffix(text, " UTC"); ok {
		return rest + " GMT"
	}
	return text
}

// counted is a number of things: "1 recipient", "1,100 recipients".
func counted[N int | int64 | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(n) + " " + thing + "s"
}

// thousands writes n with a comma between groups of three digits.
func thousands[N int | int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "-", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// unit is a span of time with its name in a long form (both numbers) and in a short one.
type unit struct {
	span              time.Duration
	one, many, letter string
}

var units = [...]unit{
	{7 * 24 * time.Hour, "week", "weeks", "w"},
	{24 * time.Hour, "day", "days", "d"},
	{time.Hour, "hour", "hours", "h"},
	{time.Minute, "min", "mins", "m"},
	{time.Second, "sec", "secs", "s"},
}

// spelled writes d as 4 weeks 46 mins 53 secs.
func spelled(d time.Duration) string {
	return inUnits(d, len(units), 0, "0 secs", func(n int64, u unit) string {
		if n == 1 {
			return "1 " + u.one
		}
		return fmt.Sprintf("%d %s", n, u.many)
	})
}

// compact writes the three largest units of d, weeks counted in days: 2d 4h 10m, 22h 45m 29s.
func compact(d time.Duration) string {
	return inUnits(d, 3, 1, "0s", func(n int64, u unit) string { return strconv.FormatInt(n, 10) + u.letter })
}

// inUnits splits d into units, beginning with units[from] and looking at no more than most of them from the first that
// is not zero; zero means shorter than a second.
func inUnits(d time.Duration, most, from int, zero string, write func(int64, unit) string) string {
	var parts []string
	looked := 0
	for _, u := range units[from:] {
		n := int64(d / u.span)
		d -= time.Duration(n) * u.span
		if n <= 0 && looked == 0 {
			continue
		}
		if looked++; looked > most {
			break
		}
		if n > 0 {
			parts = append(parts, write(n, u))
		}
	}
	if len(parts) == 0 {
		return zero
	}
	return strings.Join(parts, " ")
}

// lifetime writes what is left of a DNS record's time to live: 52m24s, 30m, 1h.
func lifetime(d time.Duration) string {
	return strings.ReplaceAll(compact(d), " ", "")
}

// onOff writes a switch as batch forms take it.
func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// orNil is t for JSON: null where nothing has happened yet.
func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
