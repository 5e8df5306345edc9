package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// normalized returns a copy of c in canonical form.
func normalized(c *Config) *Config {
	c = c.Clone()
	c.Normalize()
	return c
}

func mustDecode(t *testing.T, data []byte) *Config {
	t.Helper()
	c, err := Decode(data)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, data)
	}
	return c
}

func TestDefaultIsValidAndReadsBack(t *testing.T) {
	c := Default("mail.example.com")
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	back := mustDecode(t, Encode(c))
	if !reflect.DeepEqual(back, normalized(c)) {
		t.Errorf("read back differently:\n%s", FormatChanges(Diff(c, back)))
	}
	if again := Encode(back); !bytes.Equal(again, Encode(c)) {
		t.Errorf("encoded differently:\n%s", again)
	}
}

func TestCloneIsDeep(t *testing.T) {
	c := Default("mail.example.com")
	c.Refs["certificates.Demo"] = "certificate-0"
	before := Encode(c)
	d := c.Clone()
	if !reflect.DeepEqual(c, d) {
		t.Fatal("the clone differs")
	}
	d.Hostname = "other.example.com"
	d.Listeners["InboundMail"].Certificates[0] = "x"
	*d.Listeners["InboundMail"].HostAccess.Policies["TRUSTED"].Params.MaxConcurrency = 1
	d.Listeners["InboundMail"].HostAccess.Groups[0].Name = "x"
	*d.Destinations[DefaultDestination].Concurrency = 1
	d.Refs["certificates.Demo"] = "x"
	delete(d.Users, "admin")
	if !bytes.Equal(before, Encode(c)) || c.Refs["certificates.Demo"] != "certificate-0" {
		t.Error("a change of the clone shows in the original")
	}
}

// The order and the form in which settings are entered must not show in the file.
func TestEncodeIsTheSameForTheSameSettings(t *testing.T) {
	a := Default("mail.example.com")
	a.Destinations["partner.example"] = &Destination{TLS: TLSRequireVerify}
	a.Destinations[".other.example"] = &Destination{Concurrency: new(5)}
	a.Routes = map[string]*Route{"partner.example": {Hops: []string{"[192.0.2.1]:25", "10/mx.example.com:2525"}}}
	a.DNS.Servers = []DNSServer{{Address: "192.0.2.53", Priority: 0}, {Address: "[2001:db8::53]:5353", Priority: 1}}

	b := Default("Mail.Example.COM.")
	b.DNS.Servers = []DNSServer{{Address: "[2001:DB8:0::53]:5353", Priority: 1}, {Address: "192.0.2.53:53", Priority: 0}}
	b.Routes = map[string]*Route{"Partner.Example.": {Hops: []string{"192.0.2.1", "10/MX.example.com:2525"}}}
	b.Destinations[".Other.example"] = &Destination{Concurrency: new(5)}
	b.Destinations["PARTNER.example"] = &Destination{TLS: TLSRequireVerify}
	b.Refs["certificates.Demo"] = "certificate-another"
	b.Listeners["InboundMail"].RecipientAccess = RecipientAccess{}

	if x, y := Encode(a), Encode(b); !bytes.Equal(x, y) {
		t.Errorf("the files differ:\n%s", FormatChanges(Diff(a, b)))
	}
}

func TestDecodeNamesLineAndKey(t *testing.T) {
	good := string(Encode(Default("mail.example.com")))
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":     {"[delivery]\n", "[delivery]\nspeed = 3\n", `delivery.speed: unknown key "speed"`},
		"other case":      {"[delivery]\n", "[delivery]\nInterface = \"x\"\n", `delivery.Interface: unknown key "Interface": it is written "interface"`},
		"unknown table":   {"[delivery]\n", "[deliveries]\n", `deliveries: unknown key "deliveries"`},
		"wrong type":      {"max_hops = 100", "max_hops = \"100\"", "injection.max_hops: a whole number is wanted, not a text"},
		"syntax":          {"max_hops = 100", "max_hops = = 100", "max_hops"},
		"twice":           {"max_hops = 100", "max_hops = 100\nmax_hops = 100", "max_hops"},
		"in a later list": {"comment = \"My trusted senders\"", "Comment = \"x\"", `unknown key "Comment"`},
		"too large":       {"max_hops = 100", "max_hops = 99999999999999999999", "max_hops"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("%q is not in the file", c.old)
			}
			line := 1 + strings.Count(text[:strings.Index(text, strings.TrimPrefix(c.new, "[delivery]\n"))], "\n")
			if name == "twice" {
				line++
			}
			_, err := Decode([]byte(text))
			se, ok := err.(*SyntaxError)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if se.Line != line || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want line %d and %q", err, line, c.want)
			}
		})
	}
}
