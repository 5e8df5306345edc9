package smtp

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	gosmtp "github.com/emersion/go-smtp"
)

const chunkOffer = "250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n"

// TestClientSendsSmallMessagesInOneFlight plays peers that answer nothing before the chunk has come.
func TestClientSendsSmallMessagesInOneFlight(t *testing.T) {
	for _, test := range []struct {
		name, content, chunk, lines string
		answer, then                string // then: what is said to RSET, where it has to come
		mail, rcpt, final           int
		stage                       Stage
	}{
		{"taken", ".dot\r\nx\r\n", "BDAT 9 LAST\r\n", ".dot\r\n x\r\n",
			"250 ok\r\n250 ok\r\n550 no\r\n250 taken\r\n", "", 250, 250, 250, StageFinal},
		{"no line end", "x", "BDAT 3 LAST\r\n", "x\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n250 taken\r\n", "", 250, 250, 250, StageFinal},
		{"empty", "", "BDAT 0 LAST\r\n", "", "250 ok\r\n250 ok\r\n250 ok\r\n250 taken\r\n", "", 250, 250, 250, StageFinal},
		{"refused", "x\r\n", "BDAT 3 LAST\r\n", "x\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n554 5.7.1 spam\r\n", "250 ok\r\n", 250, 250, 554, StageFinal},
		{"nobody", "x\r\n", "BDAT 3 LAST\r\n", "x\r\n", "250 ok\r\n550 no\r\n550 no\r\n503 no\r\n", "250 ok\r\n", 250, 550, 0, StageRcpt},
		{"MAIL refused", "x\r\n", "BDAT 3 LAST\r\n", "x\r\n", "450 no\r\n503 no\r\n503 no\r\n503 no\r\n", "", 450, 0, 0, StageRcpt},
	} {
		t.Run(test.name, func(t *testing.T) {
			steps := []scriptStep{{"", "220 peer\r\n"}, {"EHLO", chunkOffer}, {"MAIL FROM:<a@x.example>\r\n", ""}, {"RCPT", ""}, {"RCPT", ""}, {test.chunk, ""}}
			for line := range strings.FieldsSeq(test.lines) {
				steps = append(steps, scriptStep{line + "\r\n", ""})
			}
			steps[len(steps)-1].say = test.answer
			if test.then != "" {
				steps = append(steps, scriptStep{"RSET\r\n", test.then})
			}
			steps = append(steps, scriptStep{"QUIT\r\n", "221 bye\r\n"})
			c := playScript(t, steps)
			greet(t, c)
			receipt, err := c.Send(Transaction{From: "a@x.example", To: []string{"b@y.example", "c@y.example"}}, content(test.content))
			if err != nil || c.Broken() {
				t.Fatal(err)
			}
			if receipt.Mail.Code != test.mail || receipt.Rcpt[0].Code != test.rcpt || receipt.Final.Code != test.final || receipt.Stage != test.stage {
				t.Errorf("receipt %+v", receipt)
			}
			c.Quit()
		})
	}
}

// silence is the answer of a peer that hangs up instead.
const silence = "-"

// chunkPeer reads chunks and answers them as it is told: the last answer is to the last chunk, "" to one that is not, and
// behind ! stands a command.
func chunkPeer(t *testing.T, rcpt string, answers ...string) *Client {
	t.Helper()
	steps := []scriptStep{{"", "220 peer\r\n"}, {"EHLO", chunkOffer}, {"MAIL", ""}, {"RCPT", "250 ok\r\n" + rcpt}}
	line := strings.Repeat("x", blockSize-2) + "\r\n" // a chunk is one line
	for i, answer := range answers {
		switch {
		case strings.HasPrefix(answer, "!"):
			steps = append(steps, scriptStep{answer[1:], "250 ok\r\n"})
		case i == len(answers)-1 && answer != "":
			steps = append(steps, scriptStep{"BDAT 0 LAST\r\n", strings.TrimPrefix(answer, silence)})
		default:
			steps = append(steps, scriptStep{"BDAT 65536\r\n", ""}, scriptStep{line, answer})
		}
	}
	c := playScript(t, steps)
	greet(t, c)
	return c
}

// large is content of so many whole chunks.
func large(n int) string { return strings.Repeat(strings.Repeat("x", blockSize-2)+"\r\n", n) }

func TestClientSendsLargeMessagesChunkByChunk(t *testing.T) {
	tx := Transaction{From: "a@x.example", To: []string{"b@y.example"}}
	t.Run("taken", func(t *testing.T) {
		c := chunkPeer(t, "250 ok\r\n", "250 1\r\n", "250 2\r\n", "250 3\r\n", "250 4\r\n", "250 5\r\n", "250 taken\r\n")
		if receipt, err := c.Send(tx, content(large(5))); err != nil || receipt.Final.Text() != "taken" {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
	t.Run("nobody is accepted", func(t *testing.T) {
		c := chunkPeer(t, "550 no\r\n", "!RSET")
		receipt, err := c.Send(tx, content(large(1)))
		if err != nil || receipt.Rcpt[0].Code != 550 || receipt.Final.Code != 0 {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
	t.Run("refused half-way", func(t *testing.T) {
		// The chunks behind the refusal are on their way already, and answered.
		c := chunkPeer(t, "250 ok\r\n", "250 1\r\n", "552 5.3.4 too much\r\n", "503 no\r\n", "503 no\r\n", "503 no\r\n", "!RSET", "!NOOP")
		receipt, err := c.Send(tx, content(large(9)))
		if err != nil || receipt.Final.Code != 552 || c.Broken() {
			t.Errorf("%+v, %v", receipt, err)
		}
		if _, err := c.command(StageIdle, "NOOP"); err != nil {
			t.Error(err)
		}
	})
	t.Run("lost before the last answer", func(t *testing.T) {
		c := chunkPeer(t, "250 ok\r\n", "250 1\r\n", "250 2\r\n", silence)
		receipt, err := c.Send(tx, content(large(2)))
		if err == nil || receipt.Final.Code != 0 || receipt.Stage != StageFinal {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		c := chunkPeer(t, "250 ok\r\n", "250 1\r\n", "")
		receipt, err := c.Send(tx, func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(large(2)), iotest.ErrReader(errors.New("bad sector")))), nil
		})
		if !errors.Is(err, ErrContent) || receipt.Final.Code != 0 || !c.Broken() {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
}

// TestClientReadsBeforeItBegins has a small message that cannot be read: nothing was said yet, so the connection is as
// good as before.
func TestClientReadsBeforeItBegins(t *testing.T) {
	c := playScript(t, []scriptStep{{"", "220 peer\r\n"}, {"EHLO", chunkOffer}, {"QUIT", "221 bye\r\n"}})
	greet(t, c)
	receipt, err := c.Send(Transaction{To: []string{"b@y.example"}}, func() (io.ReadCloser, error) {
		return io.NopCloser(iotest.ErrReader(errors.New("bad sector"))), nil
	})
	if !errors.Is(err, ErrContent) || c.Broken() || receipt.Stage != StageMail {
		t.Errorf("%+v, %v", receipt, err)
	}
	c.Quit()
}

// TestClientChunksAgainstAnotherImplementation sends messages of many sizes around that of a chunk to go-smtp.
func TestClientChunksAgainstAnotherImplementation(t *testing.T) {
	s := &sink{got: make(chan string, 1)}
	server := gosmtp.NewServer(s)
	server.Domain = "peer.example"
	c := dialServer(t, server)
	if _, ok := c.Offers("CHUNKING"); !ok {
		t.Fatal("the peer does not offer CHUNKING")
	}
	for _, size := range []int{0, 1, 2, 100, blockSize - 1, blockSize, blockSize + 1, 5*blockSize + 7} {
		body := strings.Repeat(".\r\n..x\r\n", size/8+1)[:size]
		want := body
		if size > 0 && !strings.HasSuffix(body, "\r\n") {
			want += "\r\n"
		}
		receipt, err := c.Send(Transaction{From: "a@x.example", To: []string{"b@y.example", "no@y.example"}}, content(body))
		if err != nil || !receipt.Accepted(0) || receipt.Rcpt[1].Code != 550 {
			t.Fatalf("%d octets: %+v, %v", size, receipt, err)
		}
		if _, got, _ := strings.Cut(<-s.got, "\n"); got != want {
			t.Errorf("%d octets arrived as %d: %.100q", size, len(got), got)
		}
		receipt, err = c.Send(Transaction{From: "a@x.example", To: []string{"no@y.example"}}, content(body))
		if err != nil || receipt.Rcpt[0].Code != 550 || receipt.Final.Code != 0 {
			t.Fatalf("%d octets for nobody: %+v, %v", size, receipt, err)
		}
	}
	c.Quit()
}

// counting counts writes.
type counting struct {
	net.Conn
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// TestClientWritesLittle holds a small message to one write where it goes in a chunk, and two where the peer has to say 354.
func TestClientWritesLittle(t *testing.T) {
	for _, test := range []struct {
		offers string
		steps  []scriptStep
		writes int
	}{
		{chunkOffer, []scriptStep{{"MAIL", ""}, {"RCPT", ""}, {"BDAT 6 LAST", ""}, {".x\r\n", ""}, {"\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"}}, 1},
		{offer, []scriptStep{{"MAIL", ""}, {"RCPT", ""}, {"DATA", "250 ok\r\n250 ok\r\n354 go\r\n"}, {"..x\r\n", ""}, {"\r\n", ""}, {".\r\n", "250 ok\r\n"}}, 2},
	} {
		c := playScript(t, append([]scriptStep{{"", "220 peer\r\n"}, {"EHLO", test.offers}}, test.steps...))
		greet(t, c)
		counted := &counting{Conn: c.conn}
		c.conn = counted
		receipt, err := c.Send(Transaction{To: []string{"b@y.example"}}, content(".x\r\n\r\n"))
		if err != nil || !receipt.Accepted(0) || counted.writes != test.writes {
			t.Errorf("%d writes, want %d: %+v, %v", counted.writes, test.writes, receipt, err)
		}
	}
}
