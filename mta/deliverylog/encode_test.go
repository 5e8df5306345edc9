package deliverylog

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"posthouse/internal/cause"
)

// TestAppendIsEncodingJSON holds the lines to what encoding/json makes of the same fields.
func TestAppendIsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		a := sample()
		a.At = time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "at"))
		a.MID, a.Size = rapid.Uint64().Draw(t, "mid"), rapid.Int64().Draw(t, "size")
		a.Sender, a.Response = text.Draw(t, "sender"), text.Draw(t, "response")
		a.Recipients, a.RIDs = rapid.SliceOf(text).Draw(t, "recipients"), rapid.SliceOf(rapid.Int()).Draw(t, "rids")
		a.Code = rapid.Int().Draw(t, "code")
		a.Duration = time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "duration"))
		a.Cause = rapid.SampledFrom([]cause.ID{"", cause.N1, cause.P3}).Draw(t, "cause")
		if rapid.Bool().Draw(t, "no connection") {
			a.Record = nil
		}
		e := entryOf(a)
		if a.Record != nil {
			e.TLS = encoded(tlsOf(a.Record))
		}
		if len(e.To) == 0 {
			e.To = []string{}
		}
		if len(e.RIDs) == 0 {
			e.RIDs = []int{}
		}
		if want, got := string(encoded(e)), string(Line(a)); got != want {
			t.Fatalf("%s\nencoding/json:\n%s", got, want)
		}
	})
}
