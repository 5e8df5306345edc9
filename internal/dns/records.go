package dns

import (
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
