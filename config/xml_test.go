package config

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// memory is a vault in memory.
type memory map[string][]byte

func (m memory) Get(id string) ([]byte, error) {
	if content, ok := m[id]; ok {
		return content, nil
	}
	return nil, errors.New("no such secret")
}

func (m memory) Put(kind string, content []byte) (string, error) {
	id := kind + "-" + digestOf(content)[:32]
	m[id] = bytes.Clone(content)
	return id, nil
}

var testKey = exportKeyOf([exportKeySize]byte{1, 2, 3})

// written is a configuration as XML with encrypted secrets.
func written(t testing.TB, c *Config, vault memory, key *ExportKey) string {
	t.Helper()
	var b strings.Builder
	head := XMLHead{Product: "Posthouse", Model: "P100V", Version: "1.0.0-001", Serial: "AB-CD", Now: time.Unix(1e9, 0).UTC()}
	if err := WriteXML(&b, c, XMLWrite{Head: head, Secrets: vault, Key: key}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func readBack(text string, present *Config, vault memory, keys ...*ExportKey) (*LoadedXML, error) {
	return ReadXML(context.Background(), []byte(text), present, XMLRead{Keys: keys, Put: vault.Put})
}

// withSecrets gives every reference that a configuration can have a content.
func withSecrets(c *Config, vault memory) {
	block := func(kind, text string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(text)}) }
	put := func(ref, kind string, content []byte) { c.Refs[ref], _ = vault.Put(kind, content) }
	for name := range c.Certificates {
		put(CertificateRef(name), "certificate", slices.Concat(block("PRIVATE KEY", "key of "+name), block(pemCertificate, "leaf"), block(pemCertificate, "middle"),
			block(pemRequest, "request"), block("PRIVATE KEY", "second"), block(pemCertificate, "other leaf")))
	}
	for name := range c.Users {
		put(PassphraseRef(name), "passphrase", []byte("$argon2id$hash of "+name))
	}
	put(AuthoritiesRef, "authorities", slices.Concat(block(pemCertificate, "a"), block(pemCertificate, "b")))
	put(ACMEAccountRef, "acme", block("PRIVATE KEY", "account"))
	put(ACMETSIGRef, "tsig", []byte("\x00binary\xff"))
	put(ReportKeyRef, "dkim", block("PRIVATE KEY", "dkim"))
}

// filled is a configuration in which everything is set to something; much of it is not valid.
func filled() *Config {
	c := Default("mail.example.com")
	delete(c.Listeners, "OutboundMail") // one is enough, and every field is written and read anew
	fillFields(reflect.ValueOf(c).Elem(), 0)
	c.Refs = map[string]string{}
	for _, l := range c.Listeners {
		h := &l.HostAccess
		h.Policies["X"] = &Policy{Behavior: Relay}
		fillFields(reflect.ValueOf(h.Policies["X"]).Elem(), 0)
		named, single := h.Groups[0], h.Groups[0]
		named.Name, named.Policy, named.Inline, named.Members = "GROUP", "X", nil, []string{"192.0.2.1", "192.0.2.2"}
		single.Name, single.Policy, single.Members = "", "", []string{"192.0.2.3"}
		single.Inline = &Policy{Behavior: Relay}
		fillFields(reflect.ValueOf(single.Inline).Elem(), 0)
		h.Groups = []SenderGroup{named, single}
		for _, p := range append(slices.Collect(maps.Values(h.Policies)), single.Inline) {
			p.Params.TLS, p.Params.Extra = TLSRequired, map[string]string{"spam_check": "on"}
		}
	}
	c.Normalize()
	return c
}

// otherValues are for settings of which only some values can be written in a host access table.
var otherValues = map[string]string{"behavior": "TCPREFUSE", "tls": "off", "policy": "ACCEPTED", "members": "192.0.2.9"}

// Every setting comes back from the XML, whatever it is set to: one that is added later and does not is named here.
func TestEveryFieldInXML(t *testing.T) {
	t.Parallel()
	oneByOne(t)
	vault := memory{}
	full := filled()
	withSecrets(full, vault)
	back := func(present *Config) *Config {
		root, err := parseXML(context.Background(), []byte(written(t, full, vault, testKey)))
		if err != nil {
			t.Fatal(err)
		}
		r := newXMLReader(context.Background(), present, XMLRead{Keys: []*ExportKey{testKey}, Put: vault.Put})
		err = errors.Join(r.read(root), r.keep())
		if err != nil || len(r.notes) > 0 {
			t.Fatal(err, r.notes)
		}
		r.config.Normalize()
		return r.config
	}
	check := func(path string) {
		got := back(Default("other.example.com"))
		if changes := Diff(full, got); len(changes) > 0 {
			t.Errorf("%s does not survive:\n%s", path, FormatChanges(changes))
		}
	}
	check("the configuration")
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(v.Elem(), path)
			if v.Type().Elem().Kind() != reflect.Struct {
				old := v.Elem()
				v.SetZero()
				check(path + " unset")
				v.Set(old.Addr())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if name := tomlName(v.Type().Field(i)); name != "" {
					walk(v.Field(i), join(path, name))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), path)
			}
		case reflect.Map:
			keys := sortedKeys(v)
			k := keys[0] // one entry is as good as another; the policy that is filled is X
			if at := slices.IndexFunc(keys, func(k reflect.Value) bool { return k.String() == "X" }); at >= 0 {
				k = keys[at]
			}
			walkEntry(v, k, join(path, key(k.String())), walk, check)
		case reflect.String, reflect.Int, reflect.Int64, reflect.Bool:
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			change(v)
			if _, name, _ := cutLast(path); strings.Contains(path, "host_access.policies") || strings.Contains(path, "host_access.groups") {
				if other, ok := otherValues[name]; ok {
					v.SetString(other)
				}
				if name == "policy" && old.String() == "" {
					v.Set(old) // a group with a policy of its own names none
				}
			}
			check(path)
			if v.Kind() != reflect.String || !strings.Contains(path, "host_access.") && !strings.HasSuffix(path, "]") {
				v.SetZero()
				if !strings.Contains(path, "host_access.") && !strings.Contains(path, ".inline.") {
					check(path + " of nothing")
				}
			}
			v.Set(old)
		}
	}
	walk(reflect.ValueOf(full).Elem(), "")
}

func cutLast(path string) (before, last string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:], i >= 0
}

// walkEntry walks an entry of a map, of which only pointers can be changed in their place.
func walkEntry(m, k reflect.Value, path string, walk func(reflect.Value, string), check func(string)) {
	if m.Type().Elem().Kind() == reflect.Pointer {
		walk(m.MapIndex(k), path)
		return
	}
	if m.Type().Elem().Kind() != reflect.String {
		return // a list: its words are walked nowhere else, but the whole of it is in the first check
	}
	old := m.MapIndex(k)
	m.SetMapIndex(k, reflect.ValueOf("changed").Convert(m.Type().Elem()))
	check(path)
	m.SetMapIndex(k, old)
}

// Every name in the table of elements belongs to a setting, and no two settings of an object have the same element.
func TestElementsExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	var walk func(t reflect.Type, path string)
	walk = func(ty reflect.Type, path string) {
		known[path] = true
		switch ty.Kind() {
		case reflect.Pointer:
			walk(ty.Elem(), path)
		case reflect.Map, reflect.Slice:
			walk(ty.Elem(), join(path, anyEntry))
		case reflect.Struct:
			for i := range ty.NumField() {
				if name := tomlName(ty.Field(i)); name != "" {
					walk(ty.Field(i).Type, join(path, name))
				}
			}
			names := map[string]bool{formatElement: path == "", secretsElement: path == ""}
			for _, s := range slotsOf(ty, path, nil) {
				if names[s.name] {
					t.Errorf("%s: two settings are <%s>", path, s.name)
				}
				names[s.name] = true
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	for path := range elements {
		if !known[path] {
			t.Errorf("there is no setting %s", path)
		}
	}
}

// What is written is read back as the same file, byte for byte, with the same secrets, onto any present configuration.
func TestXMLRoundTrip(t *testing.T) {
	t.Parallel()
	oneByOne(t)
	rapid.Check(t, func(rt *rapid.T) {
		vault := memory{}
		c := drawConfig(rt)
		withSecrets(c, vault)
		c.Normalize()
		if err := c.Validate(); err != nil {
			rt.Fatalf("the generator: %v", err)
		}
		present := applied(Default("present.example.com"), drawSteps(rt, "present"))
		text := written(t, c, vault, testKey)
		loaded, err := readBack(text, present, vault, testKey)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if !bytes.Equal(Encode(loaded.Config), Encode(c)) || !reflect.DeepEqual(loaded.Config.Refs, c.Refs) || len(loaded.NotUnderstood) > 0 {
			rt.Fatalf("%v\n%s\n%s", loaded.NotUnderstood, FormatChanges(Diff(c, loaded.Config)), text)
		}
		if again := written(t, loaded.Config, vault, testKey); again != text {
			rt.Fatalf("written again it is another file:\n%s\n%s", text, again)
		}
	})
}

// drawConfig draws a valid configuration with something of everything.
func drawConfig(t *rapid.T) *Config {
	c := applied(Default("mail.example.com"), drawSteps(t, "steps"))
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab <>&'\"\\;#$%(){}[]|é漢-")), 0, 12, -1)
	number := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	word := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
	flag := rapid.Bool()
	domain := rapid.StringMatching(`[a-z]{1,8}\.example`)
	c.Interfaces["v6"] = &Interface{Address: "2001:db8::1", PrefixLength: number("v6", 0, 128), Hostname: "v6.example", SSH: flag.Draw(t, "ssh"), SSHPort: number("port", 0, 65535)}
	c.Interfaces["Management"].PrefixLength = number("v4", 0, 32)
	for name := range c.Listeners {
		l := c.Listeners[name]
		l.ImplicitTLS, l.ListenQueue = flag.Draw(t, "implicit"), number("queue", 1, 65535)
		if flag.Draw(t, "names") {
			l.ServerNames = map[string][]string{"*." + domain.Draw(t, "sni"): {DemoCertificate}}
		}
		h := &l.HostAccess
		h.Policies["DRAWN"] = &Policy{Behavior: Behavior(word("behavior", "ACCEPT", "RELAY", "REJECT", "TCPREFUSE", "CONTINUE")), Params: PolicyParams{
			RejectText: text.Draw(t, "reject"), AcceptText: text.Draw(t, "accept"), MaxMessages: new(number("messages", 1, 99)),
			TLS: TLSMode(word("mode", "", "off", "preferred", "required")), TLSVerify: new(flag.Draw(t, "verify")),
		}}
		h.Groups = append([]SenderGroup{{
			Name: "DRAWN", Members: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"192.0.2.0/24", ".example.com", "host.example.com", "192.0.2.1-9", "ALL", "sbrs[-10:-1]"}), rapid.ID).Draw(t, "members"),
			Policy: "DRAWN", Comment: strings.TrimSpace(text.Draw(t, "comment")),
		}}, h.Groups...)
		if l.Type == Public {
			l.RecipientAccess = RecipientAccess{}
			for _, d := range rapid.SliceOfN(domain, 0, 4).Draw(t, "recipients") {
				l.RecipientAccess[word("form", "", ".", "user@")+d] = &RecipientRule{Accept: flag.Draw(t, "take"), Text: text.Draw(t, "reply")}
			}
		}
	}
	for _, d := range rapid.SliceOfN(domain, 0, 4).Draw(t, "destinations") {
		c.Destinations[d] = &Destination{
			TLS:  TLSLevel(word("tls", "", "no", "preferred", "required", "preferred-verify", "required-verify", "required-verify-hosted")),
			DANE: word("dane", "", "none", "mandatory"), LimitPer: word("per", "", "domain", "mx"), LimitApply: word("apply", "", "system", "vg"),
			IPSort: word("sort", "", "prefer-v6", "require-v4"), Recipients: new(number("limit", 1, 9)),
		}
		if flag.Draw(t, "route") {
			c.Routes = map[string]*Route{d: {Hops: []string{"10/[192.0.2.1]:2525", "mx." + d}}}
		}
	}
	c.Users["eve"] = &User{FullName: text.Draw(t, "full name"), Role: word("role", Roles()...)}
	c.DNS.Servers = []DNSServer{{Address: "192.0.2.53", Priority: number("priority", 0, 9)}, {Address: "[2001:db8::53]:5353", Domain: domain.Draw(t, "for")}}
	c.Alerts.Recipients = map[string]*AlertRecipient{"ops@" + domain.Draw(t, "alert"): {Subscriptions: []AlertSubscription{{Class: "System", Severities: []string{"Critical", "Warning"}}}}}
	c.Revocation.Sources = map[string]*CRLSource{"ca": {URL: "http://crl.example/?a=1&b=<2>", Interval: number("interval", 5, 99)}}
	c.TLSReports.Organization = text.Draw(t, "organization")
	return c
}

// No line can be taken for a prompt, and nothing but the time changes from call to call.
func TestXMLLines(t *testing.T) {
	t.Parallel()
	vault := memory{}
	c := Default("mail.example.com")
	withSecrets(c, vault)
	for _, key := range []*ExportKey{nil, testKey} {
		text := written(t, c, vault, key)
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, " \n")
			bare := strings.Trim(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_()[]{}<># ") == ""
			if bare && (strings.HasSuffix(line, ">") || strings.HasSuffix(line, "#")) {
				t.Errorf("a client may take %q for a prompt", line)
			}
		}
		var later strings.Builder
		head := XMLHead{Product: "Posthouse", Model: "P100V", Version: "1.0.0-001", Serial: "AB-CD", Now: time.Unix(2e9, 0).UTC()}
		if err := WriteXML(&later, c, XMLWrite{Head: head, Secrets: vault, Key: key}); err != nil {
			t.Fatal(err)
		}
		a, b := strings.Split(text, "\n"), strings.Split(later.String(), "\n")
		for i := range a {
			if a[i] != b[i] && !strings.HasPrefix(b[i], "  Current Time: ") {
				t.Errorf("line %d changes: %s", i+1, b[i])
			}
		}
		for _, want := range []string{"<hostname>mail.example.com</hostname>", "<listener_name>cpq_listener</listener_name>\n", "<protocol>CPQ</protocol>", "<netmask>255.0.0.0</netmask>", "-----BEGIN CERTIFICATE-----"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing", want)
			}
		}
		for _, secret := range []string{"hash of", "PRIVATE KEY", "a2V5IG9m"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in clear", secret)
			}
		}
	}
}

// One secret that changes is one element that changes.
func TestCiphertextsStay(t *testing.T) {
	t.Parallel()
	vault := memory{}
	c := Default("mail.example.com")
	withSecrets(c, vault)
	before := strings.Split(written(t, c, vault, testKey), "\n")
	c.Refs[PassphraseRef("admin")], _ = vault.Put("passphrase", []byte("$argon2id$hash of admix"))
	changed := 0
	for i, line := range strings.Split(written(t, c, vault, testKey), "\n") {
		if line == before[i] {
			continue
		}
		changed++
	}
	if changed == 0 || changed > 3 {
		t.Errorf("%d lines change", changed)
	}
}

func TestExportKey(t *testing.T) {
	t.Parallel()
	text := testKey.Text()
	if len(text) != 56+6 {
		t.Errorf("the key is %q", text)
	}
	for _, form := range []string{text, strings.ToUpper(text), strings.ReplaceAll(text, "-", " "), text + "\n"} {
		if k, err := ParseExportKey(form); err != nil || k.raw != testKey.raw {
			t.Errorf("%q: %v", form, err)
		}
	}
	for i := range text {
		if wrong := text[:i] + "q" + text[i+1:]; wrong != text && text[i] != '-' {
			if _, err := ParseExportKey(wrong); err == nil && wrong != text {
				t.Errorf("a mistyped letter %d is not found out", i)
			}
		}
	}
	if strings.Contains(fmt.Sprint(testKey), text[:8]) || strings.Contains(fmt.Sprintf("%v", testKey), text[:8]) {
		t.Error("the key shows when it is printed")
	}
	sealed := testKey.seal("tsig", []byte("secret"))
	if again := testKey.seal("tsig", []byte("secret")); again != sealed {
		t.Error("the same secret is encrypted in two ways")
	}
	if kind, content, err := openSealed([]*ExportKey{testKey}, sealed); err != nil || kind != "tsig" || string(content) != "secret" {
		t.Error(kind, content, err)
	}
	for _, bad := range []string{strings.Replace(sealed, "tsig", "dkim", 1), sealed[:len(sealed)-4] + "AAA=", "encrypted:1:x", "encrypted:1:" + testKey.id + ":tsig:!"} {
		if _, _, err := openSealed([]*ExportKey{testKey}, bad); err == nil {
			t.Errorf("%q is opened", bad)
		}
	}
}
