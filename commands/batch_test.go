package commands

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/mta"
	"posthouse/shell"
)

// twoWays is one edit, or one operation, entered in a dialogue and on one line.
type twoWays struct {
	menu   string   // the command and the keywords of the menus that lead there, such as "destconfig NEW"
	before string   // done first in both appliances; may be empty
	typed  []string // the lines of the dialogue, the command's own first
	batch  string   // the same on one line
	stdin  string   // what stands on the batch form's standard input
}

// typing is the lines of a dialogue.
func typing(command string, lines ...string) []string { return append([]string{command}, lines...) }

const (
	listenerThere = `listenerconfig new In public Management 2590 domains example.com; commit -y`
	groupThere    = listenerThere + `; listenerconfig edit In hostaccess new sendergroup FRIENDS 192.0.2.1,192.0.2.2 policy ACCEPTED comment "as they are"; commit -y`
)

// oneKey is a public key that nobody has the other half of.
const oneKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUFbzPjmgRmGrJjGNq5J5bD9RSBoHa1oBvQf5bFz1Kp ops@example.com"

// bothWays has at least one entry for everything that a menu offers.
func bothWays() []twoWays {
	in := func(lines ...string) []string {
		return typing("listenerconfig", append([]string{"edit", "In"}, lines...)...)
	}
	hat := func(lines ...string) []string { return in(append([]string{"hostaccess"}, lines...)...) }
	group := func(lines ...string) []string { return hat(append([]string{"edit", "1", "FRIENDS"}, lines...)...) }
	rat := func(lines ...string) []string { return in(append([]string{"rcptaccess"}, lines...)...) }
	cert := func(lines ...string) []string {
		return typing("certconfig", append([]string{"certificate"}, lines...)...)
	}
	crl := func(lines ...string) []string { return typing("certconfig", append([]string{"crl"}, lines...)...) }
	authorities := func(lines ...string) []string {
		return typing("certconfig", append([]string{"certauthority"}, lines...)...)
	}
	const crlThere = "certconfig crl new ca http://crl.example/ca.crl; commit -y"
	const alertThere = "alertconfig new a@x.example; commit -y"
	const routeThere = "smtproutes new x.example mx.x.example; commit -y"
	const destinationThere = "destconfig new x.example tls required; commit -y"
	const profileThere = "bounceconfig new patient; commit -y"
	const serverThere = "dnsconfig new 192.0.2.53; commit -y"
	const interfaceThere = "interfaceconfig new Data1 192.0.2.11/24 mx1.example.com; commit -y"
	const namedThere = listenerThere + "; listenerconfig edit In servername mx.example.com Demo; commit -y"
	const bobThere = `userconfig new bob readonly "Bob" generate; commit -y`
	const logThere = "logconfig new second mail host 192.0.2.1 facility local3; commit -y"
	const keyThere = "sshconfig userkey new admin \"" + oneKey + "\"; commit -y"
	print := strings.Repeat("ab", 32)
	return []twoWays{
		{"adminaccessconfig BANNER NEW", "", typing("adminaccessconfig", "banner", "new", "Authorised use only.", "  And no other.\t", "", "."),
			"adminaccessconfig banner", "Authorised use only.\n  And no other.\n"},
		{"adminaccessconfig BANNER IMPORT", "smtproutes new x.example mx.x.example; smtproutes export lines; commit -y", typing("adminaccessconfig", "banner", "import", "lines"), "adminaccessconfig banner import lines", ""},
		{"adminaccessconfig WELCOME IMPORT", "smtproutes new x.example mx.x.example; smtproutes export lines; commit -y", typing("adminaccessconfig", "welcome", "import", "lines"), "adminaccessconfig welcome import lines", ""},
		{"adminaccessconfig BANNER DELETE", "adminaccessconfig banner x; commit -y", typing("adminaccessconfig", "banner", "delete"), `adminaccessconfig banner ""`, ""},
		{"adminaccessconfig WELCOME NEW", "", typing("adminaccessconfig", "welcome", "new", "Good morning", "."), `adminaccessconfig welcome "Good morning"`, ""},
		{"adminaccessconfig IPACCESS RESTRICT", "", typing("adminaccessconfig", "ipaccess", "restrict", "192.0.2.7/24", "new", "2001:DB8::1", "new", "198.51.100.0/24", "delete", "2"),
			"adminaccessconfig ipaccess list 2001:db8::1 192.0.2.0/24", ""},
		{"adminaccessconfig IPACCESS ALL", "adminaccessconfig ipaccess list 127.0.0.0/8; commit -y", typing("adminaccessconfig", "ipaccess", "all"), "adminaccessconfig ipaccess all", ""},
		{"adminaccessconfig TIMEOUT", "", typing("adminaccessconfig", "timeout", "7"), "adminaccessconfig timeout 7", ""},

		{"alertconfig NEW", "", typing("alertconfig", "new", "b@x.example", "2,3", "2", "n"), "alertconfig new b@X.example class system,hardware severity critical", ""},
		{"alertconfig EDIT", alertThere, typing("alertconfig", "edit", "1", "2", "2,3", "y", "3", "1", "n"), "alertconfig edit a@x.example class system severity critical,warning class hardware", ""},
		{"alertconfig DELETE", alertThere, typing("alertconfig", "delete", "1"), "alertconfig delete a@x.example", ""},
		{"alertconfig CLEAR", alertThere, typing("alertconfig", "clear", "y"), "alertconfig clear", ""},
		{"alertconfig SETUP", "", typing("alertconfig", "setup", "60", "120", "5"), "alertconfig setup initial_wait 60 max_wait 120 digest 5", ""},
		{"alertconfig FROM EDIT", "", typing("alertconfig", "from", "edit", "post@Example.com"), "alertconfig from post@example.com", ""},
		{"alertconfig FROM DEFAULT", "alertconfig from post@example.com; commit -y", typing("alertconfig", "from", "default"), "alertconfig from default", ""},

		{"bounceconfig NEW", "", typing("bounceconfig", "new", "patient", "200", "300000", "", "", "", "n", "y", "1000", "2", "y", "notices@example.com"),
			"bounceconfig new patient max_retries 200 max_queue_time 300000 dsn off delay_warning on delay_warning_after 1000 delay_warnings 2 notice_to notices@example.com", ""},
		{"bounceconfig EDIT", profileThere, typing("bounceconfig", "edit", "patient", "7", "", "5", "50", "n", "", "n", ""),
			"bounceconfig edit patient max_retries 7 initial_retry 5 max_retry 50 hard_bounce off delay_warning off", ""},
		{"bounceconfig DELETE", profileThere, typing("bounceconfig", "delete", "patient"), "bounceconfig delete patient", ""},
		{"bounceconfig SETUP", "", typing("bounceconfig", "setup", "7", "", "", "", "", "", "", "", "", ""), "bounceconfig setup max_retries 7", ""},

		{"certconfig CERTIFICATE PRINT", "", cert("print"), "certconfig print", ""},
		{"certconfig CERTIFICATE EXPORT", "", cert("export", "Demo", "demo.p12", "open sesame", "open sesame"), "certconfig export Demo demo.p12 \"open sesame\"", ""},
		{"certconfig CERTAUTHORITY CUSTOM ENABLE", "", authorities("custom", "enable"), "certconfig authority custom enable", ""},
		{"certconfig CERTAUTHORITY CUSTOM DISABLE", "certconfig authority custom enable; commit -y", authorities("custom", "disable"), "certconfig authority custom disable", ""},
		{"certconfig CERTAUTHORITY CUSTOM PRINT", "", authorities("custom", "print"), "certconfig authority custom print", ""},
		{"certconfig CERTAUTHORITY SYSTEM ENABLE", "certconfig authority system disable; commit -y", authorities("system", "enable"), "certconfig authority system enable", ""},
		{"certconfig CERTAUTHORITY SYSTEM DISABLE", "", authorities("system", "disable"), "certconfig authority system disable", ""},
		{"certconfig CERTAUTHORITY SYSTEM PRINT", "", authorities("system", "print"), "certconfig authority system print", ""},
		{"certconfig CRL NEW", "", crl("new", "ca", "http://crl.example/ca.crl", "30", "n"), "certconfig crl new ca http://crl.example/ca.crl minutes=30 enabled=off", ""},
		{"certconfig CRL EDIT", crlThere, crl("edit", "1", "http://crl.example/b.crl", "60", ""), "certconfig crl edit CA url=http://crl.example/b.crl minutes=60", ""},
		{"certconfig CRL DELETE", crlThere, crl("delete", "1"), "certconfig crl delete ca", ""},
		{"certconfig CRL PRINT", crlThere, crl("print"), "certconfig crl print", ""},
		{"certconfig CRL SETUP", "", crl("setup", "y", "n", "y"), "certconfig crl setup inbound on outbound off gui on", ""},
		{"certconfig ACME STATUS", "", typing("certconfig", "acme", "status"), "certconfig acme status", ""},

		{"deliveryconfig SETUP", "", typing("deliveryconfig", "setup", "2", "y", "9000"), "deliveryconfig setup interface management possible_delivery on concurrency 9000", ""},

		{"destconfig SETUP", "", typing("destconfig", "setup", "1", "y"), "destconfig setup certificate Demo alert on", ""},
		{"destconfig NEW", "", typing("destconfig", "new", "Partner.example", "y", "100", "y", "10", "y", "5", "1000", "2", "1", "y", "5", "y", "2", "n", "y", "1", "y", "2", "y", "1", "y"),
			"destconfig new partner.example concurrency 100 messages 10 recipients 1000/5 per mx apply system tls required-verify dane opportunistic bounceprofile Default ipsort require-v6 certificate Demo alert on", ""},
		{"destconfig EDIT", destinationThere, typing("destconfig", "edit", "x.example", "n", "", "", "y", "1", "", "", "", "", "", ""), "destconfig edit x.example tls no", ""},
		{"destconfig DELETE", destinationThere, typing("destconfig", "delete", "x.example"), "destconfig delete x.example", ""},
		{"destconfig DEFAULT", "", typing("destconfig", "default", "400", "y", "20", "", "", "", "", "", "", "", "y"), "destconfig default concurrency 400 messages 20 mta_sts on bounceprofile Default", ""},
		{"destconfig LIST", destinationThere, typing("destconfig", "list"), "destconfig list", ""},
		{"destconfig DETAIL", destinationThere, typing("destconfig", "detail", "ALL"), "destconfig detail", ""},
		{"destconfig CLEAR", destinationThere, typing("destconfig", "clear", "y"), "destconfig clear", ""},
		{"destconfig EXPORT", destinationThere, typing("destconfig", "export", "table.ini"), "destconfig export table.ini", ""},
		{"destconfig IMPORT", destinationThere + "; destconfig export table.ini; destconfig clear; commit -y", typing("destconfig", "import", "table.ini"), "destconfig import table.ini", ""},

		{"dnsconfig NEW", "", typing("dnsconfig", "new", "192.0.2.53", "5", "y", "y", "Corp.example"), "dnsconfig new 192.0.2.53:53 5 validating on domain corp.example", ""},
		{"dnsconfig EDIT", serverThere, typing("dnsconfig", "edit", "1", "192.0.2.54", "7", "y", "n"), "dnsconfig edit 192.0.2.53 address 192.0.2.54 priority 7 validating on", ""},
		{"dnsconfig DELETE", serverThere, typing("dnsconfig", "delete", "1"), "dnsconfig delete 192.0.2.53", ""},
		{"dnsconfig SETUP", serverThere, typing("dnsconfig", "setup", "y"), "dnsconfig setup servers system", ""},

		{"interfaceconfig NEW", "", typing("interfaceconfig", "new", "Data1", "192.0.2.11", "255.255.255.0", "MX1.example.com", "y", "2222", "n"), "interfaceconfig new Data1 192.0.2.11/24 mx1.example.com ssh 2222", ""},
		{"interfaceconfig EDIT", interfaceThere, typing("interfaceconfig", "edit", "Data1", "Data2", "192.0.2.12", "25", "mx2.example.com", "n", "n"), "interfaceconfig edit Data1 name Data2 address 192.0.2.12 netmask 25 hostname mx2.example.com ssh off", ""},
		{"interfaceconfig DELETE", interfaceThere, typing("interfaceconfig", "delete", "Data1"), "interfaceconfig delete data1", ""},
		{"interfaceconfig DETAILS", interfaceThere, typing("interfaceconfig", "details", "Data1"), "interfaceconfig details data1", ""},

		{"listenerconfig NEW", "", typing("listenerconfig", "new", "public", "In2", "", "", "2591", "example.com, user@", "y", "lotus.example.com:2500", "y", "1000", "n"),
			"listenerconfig new In2 public Management 2591 domains example.com,user@ route example.com=lotus.example.com:2500 max_rcpts_per_hour 1000", ""},
		{"listenerconfig NEW", "", typing("listenerconfig", "new", "private", "Out", "", "", "465", "y", "192.0.2.0/24, .example.com", "n", "y", "20M", "5", "6", "7", "y", "mx.example.com", "n", "n", "n", "", "", "", "3", "y"),
			"listenerconfig new Out private Management 465 implicit_tls on relay 192.0.2.0/24,.example.com max_message_size 20M max_concurrency 5 max_msgs_per_session 6 max_rcpts_per_msg 7 banner_host mx.example.com tls required tls_verify on", ""},
		{"listenerconfig NEW", "", typing("listenerconfig", "new", "blackhole", "Hole", "", "", "2592", "n", "n"), "listenerconfig new Hole blackhole Management 2592", ""},
		{"listenerconfig DELETE", listenerThere, typing("listenerconfig", "delete", "In", "y"), "listenerconfig delete In", ""},
		{"listenerconfig SETUP", "", typing("listenerconfig", "setup", "50", "60", "600", "7", "90", "8"), "listenerconfig setup max_hops 50 command_timeout 60 session_timeout 600 max_bad_commands 7 max_handshakes 90 max_handshakes_per_peer 8", ""},
		{"listenerconfig EDIT NAME", listenerThere, in("name", "Front"), "listenerconfig edit In name Front", ""},
		{"listenerconfig EDIT INTERFACE", listenerThere, in("interface", "1", "1", "2600"), "listenerconfig edit In interface Management port 2600", ""},
		{"listenerconfig EDIT CERTIFICATE", listenerThere, in("certificate", "Demo"), "listenerconfig edit In certificate demo", ""},
		{"listenerconfig EDIT LIMITS", listenerThere, in("limits", "10", "20"), "listenerconfig edit In max_connections 10 listen_queue 20", ""},
		{"listenerconfig EDIT BOUNCECONFIG", profileThere + "; " + listenerThere, in("bounceconfig", "patient"), "listenerconfig edit In bounceprofile patient", ""},
		{"listenerconfig EDIT SETUP DEFAULTDOMAIN", listenerThere, in("setup", "defaultdomain", "y", "Example.org"), "listenerconfig edit In default_domain example.org", ""},
		{"listenerconfig EDIT SETUP IMPLICITTLS", listenerThere, in("setup", "implicittls", "y"), "listenerconfig edit In implicit_tls on", ""},
		{"listenerconfig EDIT SETUP SERVERNAMES NEW", listenerThere, in("setup", "servernames", "new", "MX.example.com", "Demo"), "listenerconfig edit In servername mx.example.com Demo", ""},
		{"listenerconfig EDIT SETUP SERVERNAMES EDIT", namedThere, in("setup", "servernames", "edit", "1", "Demo"), "listenerconfig edit In servername mx.example.com Demo", ""},
		{"listenerconfig EDIT SETUP SERVERNAMES DELETE", namedThere, in("setup", "servernames", "delete", "1"), "listenerconfig edit In servername delete mx.example.com", ""},

		{"listenerconfig EDIT HOSTACCESS NEW", listenerThere, hat("new", "1", "friends", "192.0.2.1,192.0.2.2", "ACCEPTED", "as they are"), `listenerconfig edit In hostaccess new sendergroup FRIENDS 192.0.2.1,192.0.2.2 policy accepted comment "as they are"`, ""},
		{"listenerconfig EDIT HOSTACCESS NEW", listenerThere, hat("new", "2", "slow", "1", "1M", "2", "3", "4", "n", "n", "y", "too slow", "5", "3", "y"),
			`listenerconfig edit In hostaccess new policy SLOW accept max_message_size 1M max_concurrency 2 max_msgs_per_session 3 max_rcpts_per_msg 4 reject_text "too slow" max_rcpts_per_hour 5 tls required tls_verify on`, ""},
		{"listenerconfig EDIT HOSTACCESS EDIT", listenerThere, hat("edit", "2", "ACCEPTED", "3", "y", "go away"), `listenerconfig edit In hostaccess edit policy ACCEPTED behavior reject reject_text "go away"`, ""},
		{"listenerconfig EDIT HOSTACCESS EDIT NEW", groupThere, group("new", "192.0.2.3"), "listenerconfig edit In hostaccess edit sendergroup friends new 192.0.2.3", ""},
		{"listenerconfig EDIT HOSTACCESS EDIT DELETE", groupThere, group("delete", "192.0.2.1"), "listenerconfig edit In hostaccess edit sendergroup friends delete 192.0.2.1", ""},
		{"listenerconfig EDIT HOSTACCESS EDIT POLICY", groupThere, group("policy", "BLOCKED"), "listenerconfig edit In hostaccess edit sendergroup friends policy blocked", ""},
		{"listenerconfig EDIT HOSTACCESS EDIT COMMENT", groupThere, group("comment", "other words"), `listenerconfig edit In hostaccess edit sendergroup friends comment "other words"`, ""},
		{"listenerconfig EDIT HOSTACCESS EDIT RENAME", groupThere, group("rename", "partners"), "listenerconfig edit In hostaccess edit sendergroup friends name PARTNERS", ""},
		{"listenerconfig EDIT HOSTACCESS DELETE", groupThere, hat("delete", "1", "FRIENDS"), "listenerconfig edit In hostaccess delete sendergroup friends", ""},
		{"listenerconfig EDIT HOSTACCESS MOVE", groupThere, hat("move", "FRIENDS", "1"), "listenerconfig edit In hostaccess move friends 1", ""},
		{"listenerconfig EDIT HOSTACCESS DEFAULT", listenerThere, hat("default", "20M", "", "", "", "", "", "", "", "", "", "", "2", "n"), "listenerconfig edit In hostaccess default max_message_size 20M tls preferred", ""},
		{"listenerconfig EDIT HOSTACCESS PRINT", listenerThere, hat("print"), "listenerconfig edit In hostaccess print", ""},
		{"listenerconfig EDIT HOSTACCESS EXPORT", groupThere, hat("export", "hat.txt"), "listenerconfig edit In hostaccess export hat.txt", ""},
		{"listenerconfig EDIT HOSTACCESS IMPORT", groupThere + "; listenerconfig edit In hostaccess export hat.txt; listenerconfig edit In hostaccess clear; commit -y", hat("import", "hat.txt"), "listenerconfig edit In hostaccess import hat.txt", ""},
		{"listenerconfig EDIT HOSTACCESS CLEAR", groupThere, hat("clear", "y"), "listenerconfig edit In hostaccess clear", ""},

		{"listenerconfig EDIT RCPTACCESS NEW", listenerThere, rat("new", "a.example, b@", "2", "y", "551", "not here"), `listenerconfig edit In rcptaccess new a.example,b@ reject 551 "not here"`, ""},
		{"listenerconfig EDIT RCPTACCESS EDIT", listenerThere, rat("edit", "example.com", "2", "n"), "listenerconfig edit In rcptaccess edit example.com reject", ""},
		{"listenerconfig EDIT RCPTACCESS DELETE", listenerThere, rat("delete", "example.com"), "listenerconfig edit In rcptaccess delete example.com", ""},
		{"listenerconfig EDIT RCPTACCESS PRINT", listenerThere, rat("print"), "listenerconfig edit In rcptaccess print", ""},
		{"listenerconfig EDIT RCPTACCESS EXPORT", listenerThere, rat("export", "rat.txt"), "listenerconfig edit In rcptaccess export rat.txt", ""},
		{"listenerconfig EDIT RCPTACCESS IMPORT", listenerThere + "; listenerconfig edit In rcptaccess export rat.txt; listenerconfig edit In rcptaccess clear; commit -y", rat("import", "rat.txt"), "listenerconfig edit In rcptaccess import rat.txt", ""},
		{"listenerconfig EDIT RCPTACCESS CLEAR", listenerThere, rat("clear", "y"), "listenerconfig edit In rcptaccess clear", ""},

		{"metricsconfig", "", typing("metricsconfig", "127.0.0.1:9090"), "metricsconfig 127.0.0.1:9090", ""},
		{"passphrase", "", typing("passphrase", benchPassphrase, "a new passphrase", "a new passphrase"), "passphrase", benchPassphrase + "\na new passphrase\na new passphrase\n"},
		{"sethostname", "", typing("sethostname", "mail4.example.com"), "sethostname mail4.example.com", ""},

		{"smtproutes NEW", "", typing("smtproutes", "new", "Partner.example", "[192.0.2.1]:2525,10/mx.partner.example"), "smtproutes new partner.example [192.0.2.1]:2525 10/mx.partner.example", ""},
		{"logconfig NEW", "", typing("logconfig", "new", "1", "third", "2", "1", "tertius", "20M", "5", "y", "Daily 3:00"),
			`logconfig new third mail level warning file tertius size 20M files 5 rollover "daily 03:00"`, ""},
		{"logconfig NEW", "", typing("logconfig", "new", "System Logs", "pushed", "", "2", "Logs.Example", "3", "", "2", "2", "local3", "", "", "", "n"),
			"logconfig new pushed system host logs.example protocol tls framing lines format rfc3164 facility local3", ""},
		{"logconfig NEW", "", typing("logconfig", "new", "5", "partner", "Partner.example", "3", "0", "y", "", "", "", "", "", "n"),
			"logconfig new partner domain_debug peer partner.example sessions 3 content on", ""},
		{"logconfig EDIT", logThere, typing("logconfig", "edit", "second", "4", "", "192.0.2.2", "2", "1514", "", "", "mail", "", "7", "y", "90m"),
			"logconfig edit second level debug host 192.0.2.2 protocol tcp port 1514 facility mail files 7 rollover 90m", ""},
		{"logconfig EDIT", logThere, typing("logconfig", "edit", "second", "", "1", "", "", "n"), "logconfig edit second retrieval manual", ""},
		{"logconfig DELETE", logThere, typing("logconfig", "delete", "second", "y"), "logconfig delete second", ""},
		{"logconfig SETUP", "", typing("logconfig", "setup", "30M", "7", "15"), "logconfig setup size 30M files 7 status_interval 15", ""},
		{"logconfig LOGHEADERS", "", typing("logconfig", "logheaders", "Subject, X-Tag:"), "logconfig logheaders Subject X-Tag", ""},
		{"logconfig HOSTKEYCONFIG NEW", "", typing("logconfig", "hostkeyconfig", "new", "Logs.Example.", "SHA256 Fingerprint="+strings.ToUpper(print)), "logconfig hostkeyconfig new logs.example " + print, ""},
		{"logconfig HOSTKEYCONFIG DELETE", "logconfig hostkeyconfig new logs.example " + print + "; commit -y", typing("logconfig", "hostkeyconfig", "delete", "1"), "logconfig hostkeyconfig delete logs.example", ""},

		{"settz HOST", "settz Etc/GMT; commit -y", typing("settz", "host"), "settz host", ""},

		{"sshconfig SSHD SETUP", "", typing("sshconfig", "sshd", "setup", "", "aes128-CBC,default", "", "rsa-sha2-256, ssh-ed25519"),
			"sshconfig sshd ciphers default,aes128-cbc; sshconfig sshd hostkeys ssh-ed25519,rsa-sha2-256", ""},
		{"sshconfig USERKEY NEW", "", typing("sshconfig", "userkey", "new", oneKey, ""), "sshconfig userkey new admin \"" + oneKey + "\"", ""},
		{"sshconfig USERKEY DELETE", keyThere, typing("sshconfig", "userkey", "delete", "1"), "sshconfig userkey delete admin 1", ""},

		{"userconfig NEW", "", typing("userconfig", "new", "carol", "Carol C.", "2", "n", "quite a long one 5"), `userconfig new carol operator "Carol C."`, "quite a long one 5\n"},
		{"userconfig EDIT", bobThere, typing("userconfig", "edit", "bob", "Bob B.", "4", "y", "n"), `userconfig edit bob full_name "Bob B." role guest must_change on`, ""},
		{"userconfig DELETE", bobThere, typing("userconfig", "delete", "bob", "y"), "userconfig delete bob", ""},
		{"userconfig ROLE", bobThere, typing("userconfig", "role", "bob", "Help Desk User"), "userconfig role bob helpdesk", ""},
		{"userconfig STATUS", bobThere, typing("userconfig", "status", "bob", "y"), "userconfig status bob lock", ""},
		{"userconfig PASSPHRASE", bobThere, typing("userconfig", "passphrase", "bob", "n", "quite a long one 5"), "userconfig passphrase bob", "quite a long one 5\n"},
		{"userconfig POLICY", "", typing("userconfig", "policy", "7", "9", "12", "y", "n", "y", "5", "90", "y"),
			"userconfig policy lockout_attempts 7 lockout_minutes 9 min_length 12 cases on special on history 5 max_age 90 reset on", ""},

		{"smtproutes EDIT", routeThere, typing("smtproutes", "edit", "x.example", "/dev/null"), "smtproutes edit x.example /dev/null", ""},
		{"smtproutes DELETE", routeThere, typing("smtproutes", "delete", "x.example"), "smtproutes delete x.example", ""},
		{"smtproutes PRINT", routeThere, typing("smtproutes", "print"), "smtproutes print", ""},
		{"smtproutes EXPORT", routeThere, typing("smtproutes", "export", "routes"), "smtproutes export routes", ""},
		{"smtproutes IMPORT", routeThere + "; smtproutes export routes; smtproutes clear; commit -y", typing("smtproutes", "import", "routes"), "smtproutes import routes", ""},
		{"smtproutes CLEAR", routeThere, typing("smtproutes", "clear", "y"), "smtproutes clear", ""},

		{"sslconfig GUI", "", typing("sslconfig", "gui", "tlsv1_2", "HIGH"), "sslconfig gui tlsv1_2 HIGH", ""},
		{"sslconfig INBOUND", "", typing("sslconfig", "inbound", "tlsv1_3", "HIGH"), "sslconfig inbound tlsv1_3 HIGH", ""},
		{"sslconfig OUTBOUND", "", typing("sslconfig", "outbound", "tlsv1_2-tlsv1_3", "HIGH:-aNULL"), "sslconfig outbound tlsv1_2-tlsv1_3 HIGH:-aNULL", ""},
		{"sslconfig VERIFY", "", typing("sslconfig", "verify", "HIGH:-aNULL"), "sslconfig verify HIGH:-aNULL", ""},

		{"tlsreportconfig SETUP", "", typing("tlsreportconfig", "setup", "y", "Example Inc.", "Reports@Example.com", "example.org", "sel1", "tls@example.com"),
			`tlsreportconfig setup send on organization "Example Inc." contact Reports@Example.com domain example.org selector sel1 receive tls@example.com`, ""},

		{"websecurityconfig", "", typing("websecurityconfig", "y", "n", "n", "y", "1"), "websecurityconfig enable; websecurityconfig certificate Demo", ""},

		{"workqueue STATUS", "", typing("workqueue", "status"), "workqueue status", ""},
		{"workqueue PAUSE", "", typing("workqueue", "pause", "y", "a look"), `workqueue pause "a look"`, ""},
		{"workqueue RESUME", "workqueue pause x", typing("workqueue", "resume"), "workqueue resume", ""},
		{"suspend", "", typing("suspend", "5"), "suspend 5", ""},
		{"suspenddel", "", typing("suspenddel", "7", "a.example,b.example"), "suspenddel 7 a.example,b.example", ""},
		{"suspendlistener", "", typing("suspendlistener", "OutboundMail", "7"), "suspendlistener OutboundMail 7", ""},
		{"resumelistener", "", typing("resumelistener", "2"), "resumelistener InboundMail", ""},
		{"resumedel", "", typing("resumedel", "ALL"), "resumedel all", ""},
		{"delivernow", "", typing("delivernow", "1", "Example.com"), "delivernow example.com", ""},
		{"showrecipients", "", typing("showrecipients", "1", "example.com"), "showrecipients host example.com", ""},
		{"deleterecipients", "", typing("deleterecipients", "2", "<>", "y"), "deleterecipients sender <>", ""},
		{"bouncerecipients", "", typing("bouncerecipients", "3", "y"), "bouncerecipients all", ""},
		{"redirectrecipients", "", typing("redirectrecipients", "other.example:26", "y"), "redirectrecipients other.example:26", ""},
		{"clearchanges", "", typing("sethostname lost.example", "clearchanges", ""), "sethostname lost.example; clearchanges -y", ""},
		{"dnsflush", "", typing("dnsflush", "y"), "dnsflush -y", ""},
	}
}

// elsewhere are the operations whose forms have other words and whose two ways are compared, if at all, in tests of their own:
// they make keys, need files, or wait for something.
var elsewhere = map[string]string{
	"certconfig CERTIFICATE IMPORT":          "certconfig import",
	"certconfig CERTIFICATE PASTE":           "certconfig paste",
	"certconfig CERTIFICATE NEW":             "certconfig new",
	"certconfig CERTIFICATE EDIT":            "certconfig edit",
	"certconfig CERTIFICATE DELETE":          "certconfig delete",
	"certconfig CERTAUTHORITY CUSTOM IMPORT": "certconfig authority custom enable|disable|print|import FILE|export FILE",
	"certconfig CERTAUTHORITY CUSTOM EXPORT": "certconfig authority custom enable|disable|print|import FILE|export FILE",
	"certconfig CERTAUTHORITY SYSTEM EXPORT": "certconfig authority system",
	"certconfig CRL UPDATE":                  "certconfig crl update",
	"certconfig ACME SETUP":                  "certconfig acme setup",
	"certconfig ACME NEW":                    "certconfig acme new",
	"certconfig ACME EDIT":                   "certconfig acme edit",
	"certconfig ACME DELETE":                 "certconfig acme delete",
	"certconfig ACME RENEW":                  "certconfig acme renew",
	"tlsreportconfig DKIM":                   "tlsreportconfig dkim new",
	"tlsreportconfig SHOW":                   "tlsreportconfig dkim show",
	"tlsreportconfig DELETE":                 "tlsreportconfig dkim delete",
	"workqueue RATE":                         "workqueue rate",
	"settz SETUP":                            "settz ZONE|host",
	"sshconfig USERKEY USER":                 "sshconfig userkey list [USER]",
}

// notYetThere are the items that only say that this version has no such thing.
var notYetThere = []string{"interfaceconfig GROUPS", "listenerconfig EDIT MASQUERADE", "listenerconfig EDIT DOMAINMAP"}

// The same settings entered in two ways give the same file, and the engine is told the same.
func TestDialogueAndBatchAreOne(t *testing.T) {
	oneByOne(t)
	groups := map[string][]twoWays{}
	for _, w := range bothWays() {
		groups[w.before] = append(groups[w.before], w)
	}
	for before, group := range groups {
		t.Run(group[0].menu, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, before)
			for _, w := range group {
				k.compare(w)
			}
		})
	}
}

// keeper is an appliance that shows what a session's candidate has become. Nothing is committed, so that both ways begin
// with the same.
type keeper struct {
	*bench
	kept *config.Config
}

func newKeeper(t *testing.T, before string) *keeper {
	k := &keeper{bench: newBench(t)}
	k.engine.listeners = []mta.ListenerStatus{{Name: "InboundMail"}, {Name: "OutboundMail"}}
	if before != "" {
		k.exec(0, before, "")
	}
	k.opts.Table = append(k.opts.Table, &shell.Command{Name: "keep", Run: func(_ context.Context, s *shell.Session, _ []string) (err error) {
		k.kept, err = config.Decode(config.Encode(s.Candidate()))
		return err
	}})
	return k
}

// result is what a way has made: the candidate as its file has it, what the engine was told, and the files.
type result struct {
	config *config.Config
	told   string
	files  map[string]string
}

func (k *keeper) result(before map[string]string) result {
	for ref := range k.kept.Refs { // keys and hashes differ
		k.kept.Refs[ref] = "a secret"
	}
	files := k.files()
	for name := range files {
		if _, there := before[name]; !there {
			if err := os.Remove(filepath.Join(k.a.Files, name)); err != nil {
				k.t.Error(err)
			}
		}
		if strings.HasSuffix(name, ".p12") {
			files[name] = "" // its salts differ
		}
	}
	return result{k.kept, k.engine.called(), files}
}

func (k *keeper) files() map[string]string {
	files := map[string]string{}
	for _, name := range fileNames(k.a) {
		data, err := os.ReadFile(filepath.Join(k.a.Files, name))
		if err != nil {
			k.t.Error(err)
		}
		files[name] = string(data)
	}
	return files
}

func (k *keeper) compare(w twoWays) {
	before := k.files()
	k.exec(0, "keep", "")
	nothing := k.result(before)
	k.script(0, append(slices.Clone(w.typed), "", "", "", "", "", "", "keep", "clearchanges -y")...)
	dialogue := k.result(before)
	k.exec(0, w.batch+"; keep; clearchanges -y", w.stdin)
	line := k.result(before)
	if dialogue.told != line.told || !reflect.DeepEqual(dialogue.files, line.files) {
		k.t.Errorf("%s: the dialogue tells the engine %q and writes %q, the line %q and %q", w.batch, dialogue.told, dialogue.files, line.told, line.files)
	}
	if !reflect.DeepEqual(dialogue.config, line.config) {
		k.t.Errorf("%s: in the dialogue alone %q, on the line alone %q", w.batch, onlyIn(dialogue.config, line.config), onlyIn(line.config, dialogue.config))
	}
	keyword := w.menu[strings.LastIndexByte(w.menu, ' ')+1:]
	if changing := regexp.MustCompile(`^(NEW|DELETE|CLEAR|SETUP|IMPORT|MOVE|RENAME|NAME|LIMITS)$`); changing.MatchString(keyword) && reflect.DeepEqual(nothing.config, line.config) {
		k.t.Errorf("%s: nothing is changed, so nothing is compared", w.batch)
	}
}

// onlyIn is the lines of one configuration's file that another one's has not.
func onlyIn(one, other *config.Config) []string {
	there := strings.Split(string(config.Encode(other)), "\n")
	return slices.DeleteFunc(strings.Split(string(config.Encode(one)), "\n"), func(line string) bool { return slices.Contains(there, line) })
}

// menusBehindQuestions are the ways to menus that are not reached by keywords alone.
func menusBehindQuestions() map[string]twoWays {
	return map[string]twoWays{
		"listenerconfig EDIT":                   {before: namedListener, typed: typing("listenerconfig", "edit", "In")},
		"listenerconfig EDIT SETUP":             {before: namedListener, typed: typing("listenerconfig", "edit", "In", "setup")},
		"listenerconfig EDIT SETUP SERVERNAMES": {before: namedListener, typed: typing("listenerconfig", "edit", "In", "setup", "servernames")},
		"listenerconfig EDIT HOSTACCESS":        {before: namedListener, typed: typing("listenerconfig", "edit", "In", "hostaccess")},
		"listenerconfig EDIT HOSTACCESS EDIT":   {before: groupThere, typed: typing("listenerconfig", "edit", "In", "hostaccess", "edit", "1", "FRIENDS")},
		"listenerconfig EDIT RCPTACCESS":        {before: namedListener, typed: typing("listenerconfig", "edit", "In", "rcptaccess")},
	}
}

const namedListener = listenerThere + "; listenerconfig edit In servername mx.example.com Demo; commit -y"

// offered matches a line of a menu.
var offered = regexp.MustCompile(`(?m)^- ([A-Z0-9-]+) - `)

// Whatever a menu offers can be done on one line: bothWays has it, or elsewhere names its form, or a form of the command
// has the keyword as a word.
func TestEveryMenuHasItsBatchForm(t *testing.T) {
	w := &menuWalk{t: t, known: map[string]bool{}, seen: map[string]bool{}, walked: map[string]bool{}, table: map[string]*shell.Command{}, bench: map[string]*keeper{}}
	for _, b := range bothWays() {
		w.known[b.menu] = true
	}
	for _, c := range Table(newBench(t).a) {
		w.table[c.Name] = c
		if c.Commit || c.Name == "workqueue" {
			w.walk(c.Name, fullBench, typing(c.Name))
		}
	}
	w.walk("workqueue", "", typing("workqueue")) // which is not paused here
	for at, way := range menusBehindQuestions() {
		w.walk(at, way.before, way.typed)
	}
	for _, keyword := range keywords(t) {
		if !w.seen[keyword] && !w.anyForm(strings.ToLower(keyword)) {
			t.Errorf("no walked menu offers %s, and no form has the word: add the way to it to menusBehindQuestions", keyword)
		}
	}
}

// fullBench fills what would hide items of menus.
const fullBench = `alertconfig new a@x.example; dnsconfig new 192.0.2.53; smtproutes new x.example mx.x.example; destconfig new x.example tls required;` +
	`certconfig crl new ca http://crl.example/ca.crl; certconfig new own cn=mx.example.com; tlsreportconfig dkim new sel;` +
	`certconfig acme setup directory letsencrypt terms agreed; certconfig acme new managed names=mx.example.com; commit force; workqueue pause x`

// menuWalk looks at menus.
type menuWalk struct {
	t      *testing.T
	known  map[string]bool // by bothWays
	seen   map[string]bool // keywords
	walked map[string]bool // with the way to them
	table  map[string]*shell.Command
	bench  map[string]*keeper
}

// walk looks at the menu that is there after typed, and at those that its keywords open.
func (w *menuWalk) walk(at, before string, typed []string) {
	b := w.bench[before] // nothing is committed: one does for every walk
	if b == nil {
		b = newKeeper(w.t, before)
		w.bench[before] = b
	}
	out, _ := shell.RunLines(w.t.Context(), b.opts, strings.Join(typed, "\n")+"\n")
	for _, keyword := range lastMenu(out) {
		item := at + " " + keyword
		w.seen[keyword] = true
		if w.walked[item] || strings.Count(item, " ") > 5 {
			continue
		}
		w.walked[item] = true
		if w.known[item] || elsewhere[item] != "" || menusBehindQuestions()[item].typed != nil {
			w.judge(item, keyword)
			continue
		}
		if strings.Contains(" "+at+" ", " "+keyword+" ") {
			continue // what was chosen has only changed what the menu offers
		}
		sub, _ := shell.RunLines(w.t.Context(), b.opts, strings.Join(append(slices.Clone(typed), keyword), "\n")+"\n")
		if below := lastMenu(sub); len(below) > 0 && !slices.Equal(below, lastMenu(out)) {
			w.walk(item, before, append(slices.Clone(typed), keyword))
			continue
		}
		w.judge(item, keyword)
	}
}

func (w *menuWalk) judge(item, keyword string) {
	if w.known[item] || menusBehindQuestions()[item].typed != nil || slices.Contains(notYetThere, item) {
		return
	}
	name, _, _ := strings.Cut(item, " ")
	forms := strings.Join(w.table[name].Batch, "\n")
	if form := elsewhere[item]; form != "" {
		if !strings.Contains(forms, form) {
			w.t.Errorf("%s: there is no form %q any more", item, form)
		}
		return
	}
	if w.knownCommand(name) {
		w.t.Errorf("%s: add its batch form to bothWays", item)
		return
	}
	if word := regexp.MustCompile(`\b` + strings.ToLower(keyword) + `\b`); !word.MatchString(forms) {
		w.t.Errorf("%s: no batch form of %s has the word %s, and bothWays has no entry", item, name, strings.ToLower(keyword))
	}
}

// knownCommand says whether bothWays has anything about a command: then it has everything.
func (w *menuWalk) knownCommand(name string) bool {
	for item := range w.known {
		if strings.HasPrefix(item, name+" ") {
			return true
		}
	}
	return false
}

// anyForm says whether a batch form of any command has the word.
func (w *menuWalk) anyForm(word string) bool {
	whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
	for _, c := range w.table {
		if whole.MatchString(strings.Join(c.Batch, "\n")) {
			return true
		}
	}
	return false
}

// lastMenu is what the last menu on a screen offers, if a menu is what waits there.
func lastMenu(out string) []string {
	out, _, _ = strings.Cut(out, "Error: the input ended at")
	i := max(strings.LastIndex(out, "Choose the operation you want to perform:"), strings.LastIndex(out, "Please select the mode:"))
	if i < 0 {
		return nil
	}
	out = out[i:]
	var words []string
	for _, found := range offered.FindAllStringSubmatch(out, -1) {
		words = append(words, found[1])
	}
	return words
}

// keywords are the keywords of every menu in the sources.
func keywords(t *testing.T) []string {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := pair.Key.(*ast.Ident)
			value, isText := pair.Value.(*ast.BasicLit)
			if isName && isText && key.Name == "Keyword" {
				word, err := strconv.Unquote(value.Value)
				if err == nil && !slices.Contains(list, word) {
					list = append(list, word)
				}
			}
			return true
		})
	}
	return list
}
