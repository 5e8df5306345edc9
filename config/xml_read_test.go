package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestXMLRefused(t *testing.T) {
	t.Parallel()
	vault := memory{}
	present := Default("mail.example.com")
	withSecrets(present, vault)
	full := written(t, present, vault, testKey)
	other := exportKeyOf([exportKeySize]byte{9})
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "", "it is empty"},
		{"blanks", " \n\t ", "it is empty"},
		{"text", "hostname = 'x'", "text outside of the elements"},
		{"no element", "<!-- only a remark -->", "there is no element"},
		{"another root", "<conf></conf>", "<config> is wanted, not <conf>"},
		{"two roots", "<config></config>\n<config></config>", "line 2: a second element"},
		{"text behind", "<config></config>\nmore", "text outside"},
		{"not closed", "<config>\n<hostname>", "line 2: unexpected EOF"},
		{"crossed", "<config><a><b></a></b></config>", "line 1: element <b> closed by </a>"},
		{"an entity", "<config>\n<hostname>&e;</hostname></config>", "line 2: invalid character entity &e;"},
		{"a bomb", "<!DOCTYPE config [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<config><hostname>&b;</hostname></config>", "line 1: its DOCTYPE declares"},
		{"an external entity", "<!DOCTYPE config [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><config>&a;</config>", "its DOCTYPE declares"},
		{"a parameter entity", "<!DOCTYPE config [<!ENTITY % a SYSTEM \"http://x/\">%a;]><config></config>", "its DOCTYPE declares"},
		{"another directive", "<!ELEMENT config ANY><config></config>", "<!ELEMENT is not expected"},
		{"a directive over two lines", "<!\n>", "<! is not expected"},
		{"a late DOCTYPE", "<config><!DOCTYPE config></config>", "<!DOCTYPE is not expected"},
		{"UTF-16", "\xff\xfe<\x00c\x00", "line 1: it is in UTF-16"},
		{"UTF-16, big", "\xfe\xff\x00<", "it is in UTF-16"},
		{"UTF-16 without a mark", "\x00<\x00c", "it is in UTF-16"},
		{"UTF-16 declared", "<?xml version=\"1.0\" encoding=\"utf-16\"?><config></config>", "encoded in \"utf-16\""},
		{"Latin-1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<config>\n<hostname>\xe9</hostname></config>", "line 3: a byte there is not UTF-8"},
		{"Latin-1 declared and UTF-8", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<config>\n<hostname>é</hostname></config>", "line 3: it says that it is encoded in \"ISO-8859-1\" and is not plain ASCII"},
		{"another version", "<?xml version=\"1.1\"?><config></config>", "unsupported version"},
		{"bad UTF-8", "<config>\n\n\xc3(</config>", "line 3: a byte there is not UTF-8"},
		{"a control character", "<config>\x01</config>", "illegal character code"},
		{"too deep", "<config>" + deep + "</config>", "nested deeper than 64"},
		{"too many", "<config>" + strings.Repeat("<a/>", maxElements) + "</config>", "more than 524288 elements"},
		{"twice", "<config><hostname>a.example</hostname>\n<hostname>b.example</hostname></config>", "line 2: <hostname>: it is there twice"},
		{"a section twice", "<config><dns></dns>\n<dns></dns></config>", "line 2: <dns>: it is there twice"},
		{"an object twice", "<config><smtproutes><route><domain>a.example</domain></route>\n<route><domain>a.example</domain></route></smtproutes></config>", "line 2: <domain>: it is there twice"},
		{"masked", written(t, present, vault, nil), "the passphrases of this file are masked"},
		{"masked and not ours", "<config><ldap><server>\n<bind_password>*****</bind_password></server></ldap></config>", "line 2: <bind_password>: the passphrases of this file are masked"},
		{"a later format", "<config><posthouse_format>2</posthouse_format></config>", "this version knows 1 only"},
		{"ours, with more", strings.Replace(full, "<dns>", "<colour>red</colour><dns>", 1), "config/colour: it stands for nothing here"},
		{"ours, damaged", strings.Replace(full, "encrypted:1:"+testKey.id+":certificate:", "encrypted:1:"+testKey.id+":certificate:AAAA", 1), "it is damaged"},
		{"ours, of another kind", strings.Replace(full, ":passphrase:", ":certificate:", 1), "it is damaged"},
		{"a secret of nothing", strings.Replace(full, "<path>acme.tsig</path>", "<path>acme.nothing</path>", 1), `a secret of "acme.nothing" belongs to nothing here`},
	} {
		_, err := readBack(c.text, present, vault, other, testKey)
		var syntax *SyntaxError
		var element *XMLError
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &syntax) && !errors.As(err, &element) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	if _, err := readBack(full, present, vault, other); !errors.Is(err, ErrLockedXML) {
		t.Errorf("without the key: %v", err)
	}
	if _, err := readBack(strings.Replace(full, "<port>2525</port>", "<port>70000</port>", 1), present, vault, testKey); FieldErrors(err) == nil {
		t.Errorf("a file of ours with a wrong port: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadXML(ctx, []byte(full), present, XMLRead{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a read that was interrupted: %v", err)
	}
}

// What a file of another product has is taken as far as it is understood.
func TestXMLForeign(t *testing.T) {
	t.Parallel()
	present := Default("mail.example.com")
	const ours = "<config><listeners><listener><listener_name>InboundMail</listener_name></listener><listener><listener_name>OutboundMail</listener_name></listener>"
	for _, c := range []struct {
		what, text string
		changes    string   // a line each
		notes      []string // what is listed, without the root's path
	}{
		{"nothing in it", "<config></config>", "", nil},
		{"a byte order mark", "\xef\xbb\xbf<config><hostname>a.example</hostname></config>", "hostname", nil},
		{"CR LF", "<config>\r\n<hostname>a.example</hostname>\r\n</config>\r\n", "hostname", nil},
		{"an unknown element", "<config>\n<x><y/><z/></x></config>", "", []string{"x (line 2): it stands for nothing here, nor do the 2 elements in it"}},
		{"a wrong number", "<config><delivery><max_delivery_concurrency>all</max_delivery_concurrency></delivery></config>", "", []string{`delivery/max_delivery_concurrency (line 1): "all" is not a number`}},
		{"a value out of bounds", "<config><delivery><max_delivery_concurrency>0</max_delivery_concurrency></delivery></config>", "", []string{`delivery (line 1): it is left as it was: delivery.concurrency: 0 is not a number from 1 to 10000`}},
		{"text for elements", "<config><dns>off</dns></config>", "", []string{"dns (line 1): elements are wanted in it, not text"}},
		{"elements for text", "<config><hostname><a/></hostname></config>", "", []string{"hostname (line 1): a text is wanted, not elements"}},
		{"a wrong table", "<config><listeners><listener><listener_name>InboundMail</listener_name>\n<hat>ALL $NOTHING</hat></listener><listener><listener_name>OutboundMail</listener_name></listener></listeners></config>", "",
			[]string{`listeners/listener[1]/hat (line 2): groups.ALL.policy: there is no policy "NOTHING"`}},
		{"one object of many", "<config><good_table><domain_entry><domain>a.example</domain><table_tls>on</table_tls></domain_entry>" +
			"<domain_entry><domain>b.example</domain><max_host_concurrency>9999</max_host_concurrency></domain_entry></good_table></config>",
			"destination_controls.\"a.example\".tls", []string{`good_table/domain_entry[2] (line 1): it is left as it was: destination_controls."b.example".concurrency: 9999 is not a number from 1 to 1000`}},
		{"without a name", "<config><smtproutes><route><hosts><host>a</host></hosts></route></smtproutes></config>", "", []string{"smtproutes/route (line 1): it has no <domain>"}},
		{"a user without a passphrase of ours", "<config><users><user><username>admin</username></user><user><username>eve</username><passphrase>$6$x</passphrase></user></users></config>", "",
			[]string{"users/user[2] (line 1): it is left out, for its <passphrase>: it is not a secret that was encrypted here"}},
		{"no administrator", "<config><users></users></config>", "", []string{"users (line 1): it is left as it was: users: at least one administrator is needed"}},
		{"a profile that is not there", "<config><delivery><certificate>gone</certificate></delivery></config>", "", []string{`delivery (line 1): it is left as it was: delivery.certificate: there is no certificate profile "gone"`}},
		{"the hidden listener", ours + "<listener><listener_name>cpq_listener</listener_name><protocol>CPQ</protocol><port>7025</port></listener></listeners></config>", "", nil},
		{"the hidden listener at another port", ours + "<listener><listener_name>cpq_listener</listener_name><protocol>CPQ</protocol><port>70000</port></listener></listeners></config>", "",
			[]string{"listeners/listener[3] (line 1): its port has no effect here, where it is always 7025"}},
		{"its name for another", ours + "<listener><listener_name>CPQ_listener</listener_name><protocol>SMTP</protocol></listener></listeners></config>", "",
			[]string{"listeners/listener[3] (line 1): no listener for SMTP may be called cpq_listener, as the hidden one for CPQ is"}},
		{"its protocol for another", ours + "<listener><listener_name>Third</listener_name><protocol>cpq</protocol></listener></listeners></config>", "",
			[]string{"listeners/listener[3] (line 1): a listener for CPQ is called cpq_listener and nothing else"}},
	} {
		loaded, err := readBack(c.text, present, memory{})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var paths, notes []string
		for _, change := range Diff(present, loaded.Config) {
			paths = append(paths, change.Path)
		}
		for _, n := range loaded.NotUnderstood {
			notes = append(notes, strings.TrimPrefix(n.String(), "config/"))
		}
		same := slices.EqualFunc(notes, c.notes, strings.HasPrefix) // the rest is Validate's word
		if strings.Join(paths, "\n") != c.changes || !same {
			t.Errorf("%s: changes %q, not understood %q", c.what, paths, notes)
		}
	}
}

// Of a host access table of another product, what is not known is passed over, with its line.
func TestXMLForeignTable(t *testing.T) {
	t.Parallel()
	loaded, err := readBack("<config><listeners><listener><listener_name>InboundMail</listener_name>\n<hat>\n$BLOCKED REJECT {colour = \"red\", tls = \"on\"}\n"+
		"[nobody] $BLOCKED\nODD: [nobody] 192.0.2.1\n$BLOCKED\nALL $BLOCKED</hat></listener></listeners></config>", Default("mail.example.com"), memory{})
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, n := range loaded.NotUnderstood {
		places = append(places, fmt.Sprint(n.Path, " ", n.Line))
	}
	const hat = "config/listeners/listener/hat "
	if fmt.Sprint(places) != fmt.Sprint([]string{hat + "3", hat + "4", hat + "5"}) {
		t.Errorf("not understood: %v", loaded.NotUnderstood)
	}
	const want = "$BLOCKED\n    REJECT {\n        tls = \"preferred\"\n    }\n\nODD:\n    192.0.2.1\n        $BLOCKED\nALL\n        $BLOCKED\n"
	if got := loaded.Config.Listeners["InboundMail"].HostAccess.Text(); got != want {
		t.Errorf("the table is\n%s", got)
	}
}

// The list of what is not understood has an end.
func TestXMLNotesBounded(t *testing.T) {
	t.Parallel()
	loaded, err := readBack("<config>"+strings.Repeat("<a/>", 3*maxNotes)+"</config>", Default("mail.example.com"), memory{})
	if err != nil || len(loaded.NotUnderstood) != maxNotes || loaded.More != 2*maxNotes || loaded.NotUnderstood[9].Path != "config/a[10]" {
		t.Errorf("%v: %d and %d more", err, len(loaded.NotUnderstood), loaded.More)
	}
}

// A refused file leaves nothing in the vault.
func TestXMLPutsLast(t *testing.T) {
	t.Parallel()
	vault := memory{}
	c := Default("mail.example.com")
	withSecrets(c, vault)
	text := strings.Replace(written(t, c, vault, testKey), "<max_bad_commands>5<", "<max_bad_commands>0<", 1)
	empty := memory{}
	if _, err := readBack(text, Default("mail.example.com"), empty, testKey); err == nil || len(empty) > 0 {
		t.Errorf("%v: %d secrets are kept", err, len(empty))
	}
}

// FuzzXML holds that a file is refused with a reason or gives a valid configuration that comes back from its own XML.
func FuzzXML(f *testing.F) {
	vault := memory{}
	present := Default("mail.example.com")
	present.Listeners = nil // the fuzzer gets further with a small one
	withSecrets(present, vault)
	before := present.Clone()
	for _, seed := range []string{
		"<config><hostname>a.example</hostname></config>",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!DOCTYPE config SYSTEM \"config.dtd\">\n<!-- x -->\n<config><listeners/></config>",
		"<config><listeners><listener><listener_name>A</listener_name><protocol>SMTP</protocol><interface_name>Management</interface_name><port>0</port><type>public</type>" +
			"<hat>$X ACCEPT {tls = \"on\"} ALL $X</hat><rat><rat_entry><rat_address>a.example</rat_address><access>ACCEPT</access></rat_entry></rat></listener></listeners></config>",
		"<config><interfaces><interface><interface_name>A</interface_name><ip>::1</ip><netmask>255.255.0.0</netmask></interface></interfaces></config>",
		"<config><good_table><domain_entry><domain>.A.example.</domain><table_tls>on_verify</table_tls><recipient_limit></recipient_limit></domain_entry></good_table></config>",
		"<config><certificates><certificate_profile><certificate_name>a</certificate_name><certificate>-----BEGIN</certificate><private_key>x</private_key></certificate_profile></certificates></config>",
		"<config><users><user><username>admin</username><group>Administrators</group><keys><entry>x</entry></keys><passphrase></passphrase></user></users></config>",
		"<config><secrets><secret><path>acme.tsig</path><kind>tsig</kind><certificates>x</certificates></secret></secrets></config>",
		"<config><dns><local_dns><dns_server><dns_ip>192.0.2.1</dns_ip><dns_priority>2</dns_priority></dns_server></local_dns></dns><ssl><gui><methods><method>tlsv1_2</method></methods></gui></ssl></config>",
		"<config><posthouse_format>1</posthouse_format><alerts><alert_recipients><recipient><email>a@b.example</email><subscriptions><subscription><class>All</class><severities><severity>All</severity></severities></subscription></subscriptions></recipient></alert_recipients></alerts></config>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		kept := memory{}
		for id, content := range vault {
			kept[id] = content
		}
		loaded, err := ReadXML(context.Background(), data, present, XMLRead{Keys: []*ExportKey{testKey}, Put: kept.Put})
		if !reflect.DeepEqual(present, before) {
			t.Fatal("the present configuration has changed")
		}
		if err != nil {
			if err.Error() == "" || strings.Contains(err.Error(), "\n") && FieldErrors(err) == nil {
				t.Errorf("the reason is %q", err)
			}
			return
		}
		if err := loaded.Config.Validate(); err != nil {
			t.Fatalf("not valid: %v", err)
		}
		text := written(t, loaded.Config, kept, testKey)
		again, err := ReadXML(context.Background(), []byte(text), present, XMLRead{Keys: []*ExportKey{testKey}, Put: kept.Put})
		if err != nil || !bytes.Equal(Encode(again.Config), Encode(loaded.Config)) {
			t.Fatalf("its own XML is read differently: %v\n%s", err, text)
		}
	})
}

// patient is a context that ends when it was asked some times.
type patient struct {
	context.Context
	left int
}

func (p *patient) Err() error {
	if p.left--; p.left < 0 {
		return context.Canceled
	}
	return nil
}

// Ctrl-C ends the reading wherever it is: in the file's text, in its objects, and where what is not valid is taken back.
func TestReadXMLEndsWithContext(t *testing.T) {
	var routes strings.Builder
	const many = 200
	for i := range many {
		fmt.Fprintf(&routes, "<route><domain>d%d.example</domain><hosts><host>n@t a host</host></hosts></route>\n", i)
	}
	file := []byte("<config><smtproutes>\n" + routes.String() + "</smtproutes></config>")
	whole := &patient{context.Background(), 1 << 30}
	if _, err := ReadXML(whole, file, Default("mail.example.com"), XMLRead{}); err != nil {
		t.Fatal(err)
	}
	asked := 1<<30 - whole.left
	if asked < 2*many {
		t.Errorf("the context is looked at %d times", asked)
	}
	for left := range asked {
		if _, err := ReadXML(&patient{context.Background(), left}, file, Default("mail.example.com"), XMLRead{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d of %d looks: %v", left, asked, err)
		}
	}
}
