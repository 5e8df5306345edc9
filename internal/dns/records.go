package dns

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// queryType returns the number of a record type's name, such as "mx".
func queryType(name string) (uint16, bool) {
	t, ok := mdns.StringToType[strings.ToUpper(name)]
	return t, ok && t != mdns.TypeNone && t != mdns.TypeAXFR && t != mdns.TypeIXFR && t != mdns.TypeOPT
}

// textRecord is a record in its text form, with host names in the shape of the other answers.
func textRecord(rr mdns.RR, ttl time.Duration) Record {
	h := rr.Header()
	data := strings.TrimPrefix(rr.String(), h.String())
	switch rr.(type) {
	case *mdns.MX, *mdns.CNAME, *mdns.NS, *mdns.PTR, *mdns.SRV:
		if !strings.HasSuffix(data, " .") {
			data = strings.TrimSuffix(data, ".")
		}
	}
	return Record{Name: Canonical(h.Name), Type: mdns.TypeToString[h.Rrtype], TTL: ttl, Data: data}
}

// tlsaOf is the data of a TLSA record.
func tlsaOf(rr *mdns.TLSA) (TLSA, error) {
	data, err := hex.DecodeString(rr.Certificate)
	return TLSA{rr.Usage, rr.Selector, rr.MatchingType, data}, err
}

// joinText is the text of a TXT record, its strings joined and without the escapes of zone files.
func joinText(txt *mdns.TXT) string {
	return unescape(strings.Join(txt.Txt, ""))
}

// unescape undoes the escapes of zone files (RFC 1035 §5.1): a backslash and three digits, or before any character.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		if i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(text[i])
	}
	return b.String()
}
