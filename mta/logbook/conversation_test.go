package logbook

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
)

// said is a conversation as both sides said it: "C" of the client, "S" of the server.
func said(t testing.TB, b *Book, turns []string, piece int) {
	e := b.find("inj")
	c := &Conversation{debug: e.debug, id: "ICID 1", other: "'192.0.2.1'", serve: true}
	for _, turn := range turns {
		data := []byte(turn[1:])
		for len(data) > 0 {
			n := min(len(data), piece)
			if turn[0] == 'C' {
				c.Received(data[:n])
			} else {
				c.Sent(data[:n])
			}
			data = data[n:]
		}
	}
}

func injection(t *testing.T, content bool) *Book {
	return open(t, map[string]*config.Subscription{
		"inj": {Type: config.InjectionDebugLogs, File: "inj", Peer: "192.0.2.0/24", Sessions: 1, Content: content},
	})
}

var conversation = []string{
	"S220 mail ESMTP\r\n", "CEHLO peer\r\n", "S250-mail\r\n250 SIZE 1\r\n",
	"CAUTH PLAIN AGFkbWluAHNlY3JldA==\r\n", "S235 ok\r\n",
	"CAUTH LOGIN\r\n", "S334 VXNlcm5hbWU6\r\n", "CSECRETuser\r\n", "S334 UGFzc3dvcmQ6\r\n", "CSECRETpass\r\n", "S535 no\r\n",
	"CMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n", "S250 ok\r\n550 no\r\n250 ok\r\n354 go ahead\r\n",
	"CSubject: one\r\n folded\r\n\r\nSECRET body\r\n..SECRET\r\nQUIT\r\n.\r\n", "S250 taken\r\n",
	"CMAIL FROM:<a@x>\r\n", "S250 ok\r\n", "CBDAT 20\r\nSubject: two\r\n\r\nSECR", "S250 ok\r\n", "CBDAT 9 LAST\r\nET body\r\n", "S250 taken\r\n",
	"CMAIL FROM:<d@x>\r\nDATA\r\n", "S250 ok\r\n503 no\r\n", "CQUIT\r\n", "S221 bye\r\n",
}

func TestConversation(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 20} {
		b := injection(t, false)
		said(t, b, conversation, piece)
		got := strings.Join(texts(t, b.Log("inj")), "\n") + "\n"
		for _, want := range []string{
			"ICID 1 Sent to '192.0.2.1': '220 mail ESMTP'\n", "ICID 1 Rcvd from '192.0.2.1': 'AUTH PLAIN ...'\n", "'Subject: one'\n", "' folded'\n",
			"bytes of content are left out\n", "Rcvd from '192.0.2.1': '.'\n", "'Subject: two'\n", "'BDAT 9 LAST'\n", "'MAIL FROM:<d@x>'\n", "'503 no'\n",
			"'QUIT'\n", "'221 bye'\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("in pieces of %d there is no %q in\n%s", piece, want, got)
			}
		}
		if strings.Contains(got, "SECRET") || strings.Contains(got, "SECR") || strings.Contains(got, "AGFkbWlu") || strings.Count(got, "QUIT") != 1 {
			t.Errorf("in pieces of %d what must not be in a log is in\n%s", piece, got)
		}
	}
	b := injection(t, true)
	said(t, b, conversation, 1<<20)
	if got := strings.Join(texts(t, b.Log("inj")), "\n"); !strings.Contains(got, "'SECRET body'") || strings.Contains(got, "SECRETpass") {
		t.Errorf("with content:\n%s", got)
	}
}

func TestConversationWithContentBeforeItsReply(t *testing.T) {
	b := injection(t, false)
	said(t, b, []string{"S220 mail\r\n", "CMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nX: y\r\n\r\nSECRET\r\n.\r\nQUIT\r\n",
		"S250 ok\r\n250 ok\r\n", "S354 go\r\n", "S250 taken\r\n221 bye\r\n"}, 1<<20)
	got := strings.Join(texts(t, b.Log("inj")), "\n")
	if strings.Contains(got, "SECRET") || !strings.Contains(got, "'X: y'") || !strings.Contains(got, "'QUIT'") {
		t.Errorf("got\n%s", got)
	}
}

// A dot between bare line feeds is content, for the listener and for the log; so is one behind a line that is cut in the log.
func TestConversationWithADotThatIsNoEnd(t *testing.T) {
	long := strings.Repeat("x", 2*mostLine)
	for _, piece := range []int{1, 4096, 1 << 20} {
		b := injection(t, false)
		said(t, b, []string{"S220 mail\r\n", "CMAIL FROM:<a@x>\r\n", "S250 ok\r\n", "CDATA\r\n", "S354 go\r\n",
			"CX: y\r\n\r\n1\n.\nSECRET\r\n2\n.\r\nSECRET\r\n.\nSECRET\r\n" + long + "\r\n.\r\n", "S554 bare\r\n",
			"CNOOP\r\n", "S250 ok\r\n", "CMAIL FROM:<a@x>\r\nDATA\r\n", "S250 ok\r\n354 go\r\n", "C.\r\nQUIT\r\n", "S250 taken\r\n221 bye\r\n"}, piece)
		got := strings.Join(texts(t, b.Log("inj")), "\n")
		if strings.Contains(got, "SECRET") || strings.Count(got, "'.'") != 2 || !strings.Contains(got, "'NOOP'") || !strings.Contains(got, "'QUIT'") {
			t.Errorf("in pieces of %d got\n%s", piece, got)
		}
	}
}

// Behind a BDAT that the session does not understand everything may be content.
func TestConversationWithAMalformedChunk(t *testing.T) {
	for _, command := range []string{"BDAT", "BDAT x", "BDAT -1", "BDAT +1", "BDAT 1 FIRST", "BDAT 1 LAST more", "BDAT 99999999999999999999"} {
		b := injection(t, false)
		said(t, b, []string{"S220 mail\r\n", "CMAIL FROM:<a@x>\r\n", "S250 ok\r\n", "C" + command + "\r\n\r\nSECRET\r\nSECRET\r\n", "S501 no\r\n"}, 1<<20)
		got := strings.Join(texts(t, b.Log("inj")), "\n")
		if strings.Contains(got, "SECRET") || !strings.Contains(got, "'"+command+"'") || !strings.Contains(got, "'501 no'") {
			t.Errorf("%s: got\n%s", command, got)
		}
	}
}

func FuzzConversation(f *testing.F) {
	f.Add("EHLO a\r\nMAIL FROM:<a>\r\nDATA\r\n", "220 a\r\n250 b\r\n354 go\r\n", true)
	f.Add("BDAT 99999999999999999999\r\nBDAT -1\r\n", "", false)
	conf := config.Default("mail.example.com")
	conf.Logs.Subscriptions = map[string]*config.Subscription{"inj": {Type: config.InjectionDebugLogs, File: "inj", Peer: "::/0", Sessions: 1}}
	b, err := Open(Options{Dir: f.TempDir(), Logs: conf.Logs})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { b.Close() })
	f.Fuzz(func(t *testing.T, client, server string, serve bool) {
		c := &Conversation{debug: b.find("inj").debug, id: "ICID 1", serve: serve}
		for len(client)+len(server) > 0 {
			n := min(len(client), 1+len(client)/3)
			c.Received([]byte(client[:n]))
			client = client[n:]
			n = min(len(server), 1+len(server)/3)
			c.Sent([]byte(server[:n]))
			server = server[n:]
		}
		if len(c.held) > mostHeld || len(c.client.part) > mostLine || len(c.text.part) > mostLine {
			t.Fatal("kept too much")
		}
	})
}

// parseCEF takes a line apart as a reader of the format does.
func parseCEF(line string) (head []string, fields map[string]string, err error) {
	rest, ok := strings.CutPrefix(line, "CEF:0|")
	if !ok {
		return nil, nil, errors.New("no CEF:0|")
	}
	part := ""
	for len(head) < 6 {
		if rest == "" {
			return nil, nil, errors.New("a short header")
		}
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			part += rest[1:2]
			rest = rest[2:]
			continue
		case rest[0] == '|':
			head, part = append(head, part), ""
		default:
			part += rest[:1]
		}
		rest = rest[1:]
	}
	fields = map[string]string{}
	key, value := "", ""
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && i+1 < len(rest):
			i++
			value += map[byte]string{'n': "\n", 'r': "\r", '\\': "\\", '=': "="}[rest[i]]
		case rest[i] == '=': // what came behind the last blank was the next key
			at := strings.LastIndexByte(value, ' ')
			if key != "" {
				fields[key] = value[:max(at, 0)]
			}
			key, value = value[at+1:], ""
		default:
			value += rest[i : i+1]
		}
	}
	if key != "" {
		fields[key] = value
	}
	return head, fields, nil
}

func FuzzCEF(f *testing.F) {
	f.Add("1|2", `a=b\c d|e`, "two words\nand a line ")
	f.Fuzz(func(t *testing.T, version, first, second string) {
		line := cefLine(version, "ID", "Name", "5", []field{{"one", first}, {"two", second}})
		if strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%q is not one line", line)
		}
		head, fields, err := parseCEF(line)
		want := map[string]string{"one": first, "two": second}
		maps.DeleteFunc(want, func(_, v string) bool { return v == "" })
		if err != nil || !maps.Equal(fields, want) {
			t.Fatalf("%q: %q, %v; want %q", line, fields, err, want)
		}
		plain := strings.NewReplacer("\n", " ", "\r", " ").Replace(version)
		if !slices.Equal(head, []string{"Posthouse", "P100V Email Gateway", plain, "ID", "Name", "5"}) {
			t.Fatal(fmt.Sprint(head))
		}
	})
}
