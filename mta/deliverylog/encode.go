package deliverylog

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// append appends the line as encoding/json would write the struct, without its cost: there is a line for every message.
func (e *entry) append(b []byte) []byte {
	b = appendText(append(b, `{"time":`...), e.Time)
	b = strconv.AppendUint(append(b, `,"mid":`...), e.MID, 10)
	b = strconv.AppendUint(append(b, `,"dcid":`...), e.DCID, 10)
	b = appendText(append(b, `,"from":`...), e.From)
	b = append(b, `,"to":[`...)
	for i, to := range e.To {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, to)
	}
	b = append(b, `],"rids":[`...)
	for i, rid := range e.RIDs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(rid), 10)
	}
	b = strconv.AppendInt(append(b, `],"recipients":`...), int64(e.Recipients), 10)
	b = strconv.AppendInt(append(b, `,"size":`...), e.Size, 10)
	b = appendText(append(b, `,"domain":`...), e.Domain)
	b = appendText(append(b, `,"host":`...), e.Host)
	b = appendText(append(b, `,"remote":`...), e.Remote)
	b = appendText(append(b, `,"local":`...), e.Local)
	b = appendText(append(b, `,"outcome":`...), string(e.Outcome))
	b = appendText(append(b, `,"protection":`...), e.Protection)
	b = strconv.AppendInt(append(b, `,"code":`...), int64(e.Code), 10)
	b = appendText(append(b, `,"response":`...), e.Response)
	b = appendText(append(b, `,"cause":`...), string(e.Cause))
	b = appendText(append(b, `,"title":`...), e.Title)
	b = strconv.AppendFloat(append(b, `,"duration":`...), e.Duration, 'f', -1, 64) // milliseconds: never so small or large as to need an exponent
	b = append(b, `,"tls":`...)
	if e.TLS == nil {
		return append(b, "null}"...)
	}
	return append(append(b, e.TLS...), '}')
}

// appendText appends a string. Few have anything in them that must be written otherwise.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return append(b, encoded(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// encoded is a value as encoding/json writes it, on one line and without control characters.
func encoded(v any) []byte {
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(v); err != nil {
		return []byte("null") // nothing in an entry can fail to encode
	}
	// encoding/json leaves this one control character as it is.
	return bytes.ReplaceAll(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte{0x7f}, []byte(`\u007f`))
}
