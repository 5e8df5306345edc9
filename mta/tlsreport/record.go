package tlsreport

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxPlaces bounds the places of one record that get a report.
const maxPlaces = 10

var (
	errNoRecord = errors.New("no record of TLS reporting")
	errSeveral  = errors.New("more than one record of TLS reporting")
)

// ParseRecords returns where the domain wants its reports, "mailto:" and "https:" URIs, by the TXT records at
// _smtp._tls.DOMAIN (RFC 8460 §3). Records of another kind are passed over. The error is errNoRecord where none is left.
func ParseRecords(records []string) ([]string, error) {
	found := ""
	for _, r := range records {
		if !isRecord(r) {
			continue
		}
		if found != "" {
			return nil, errSeveral
		}
		found = r
	}
	if found == "" {
		return nil, errNoRecord
	}
	return parseRecord(found)
}

// isRecord says whether a TXT record begins with "v=TLSRPTv1;". The grammar allows blanks before the semicolon.
func isRecord(text string) bool {
	rest, ok := strings.CutPrefix(text, "v=TLSRPTv1")
	return ok && strings.HasPrefix(strings.TrimLeft(rest, " \t"), ";")
}

// parseRecord reads the fields behind the version. Unknown ones are ignored; the first rua counts.
func parseRecord(text string) ([]string, error) {
	_, rest, _ := strings.Cut(text, ";")
	fields := strings.Split(rest, ";")
	for i, field := range fields {
		field = strings.Trim(field, " \t")
		if field == "" && i == len(fields)-1 {
			break
		}
		key, value, ok := strings.Cut(field, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("record: %q is no field", printable(field, 80))
		}
		if key == "rua" {
			return places(value)
		}
	}
	return nil, errors.New("record: there is no rua")
}

// places reads the list of URIs. One of an unknown kind is passed over: others may be added to the RFC's two.
func places(list string) ([]string, error) {
	var found []string
	for text := range strings.SplitSeq(list, ",") {
		text = strings.Trim(text, " \t")
		switch place, err := place(text); {
		case err != nil:
			return nil, err
		case place != "" && len(found) < maxPlaces:
			found = append(found, place)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("record: rua names no mailto and no https URI")
	}
	return found, nil
}

// place checks one URI; it is empty where the scheme is unknown.
func place(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("record: %q is no URI", printable(text, 80))
	}
	switch u.Scheme {
	case "mailto":
		if _, err := mailbox(u); err != nil {
			return "", err
		}
	case "https":
		if u.Host == "" || u.User != nil {
			return "", fmt.Errorf("record: %q names no host", printable(text, 80))
		}
	default:
		return "", nil
	}
	return u.String(), nil
}

// mailbox is the one address of a mailto URI (RFC 6068); header fields that it may name are ignored.
func mailbox(u *url.URL) (string, error) {
	address, err := url.PathUnescape(u.Opaque)
	at := strings.LastIndexByte(address, '@')
	if err != nil || at < 1 || at > 64 || !plainLocal(address[:at]) || !validDomain(strings.ToLower(address[at+1:])) {
		return "", fmt.Errorf("record: %q is no mail address", printable(u.Opaque, 80))
	}
	return address, nil
}

// plainLocal says whether a local part can stand in a command and in a header as it is: a dot-atom (RFC 5322 §3.2.3).
func plainLocal(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			alnum := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
			if !alnum && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		}
	}
	return true
}
