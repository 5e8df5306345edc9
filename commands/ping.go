package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"posthouse/shell"
)

const (
	pingCount = 4     // packets where nobody is there to press Ctrl-C
	pingMost  = 10000 // packets
	pingEvery = time.Second
	pingWait  = 2 * time.Second // for one answer
	pingSize  = 56              // bytes of content
)

func ping(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "ping",
		Summary: "See whether a host answers to ICMP echo requests.",
		Batch:   []string{"ping HOST [COUNT]", "ping -c COUNT HOST"},
		Help: `One request a second until Ctrl-C at a terminal, else four; COUNT says how many. The service must be permitted to do it: the host
gives it an unprivileged ICMP socket (sysctl net.ipv4.ping_group_range), or the capability CAP_NET_RAW. That a host does not answer
does not mean that it takes no mail: telnet HOST 25 tells.`,
		Documents: []shell.Document{{For: "ping", Value: pingDocument{}}},
		Roles:     shell.Readers | shell.Technician | shell.HelpDesk,
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			host, count, err := pingArguments(s, args)
			if err != nil {
				return err
			}
			p, err := newPinging(ctx, a, host)
			if err != nil {
				return err
			}
			defer p.conn.Close()
			return p.run(ctx, s, count)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, hostNames(a))
		},
	}
}

func pingArguments(s *shell.Session, args []string) (host string, count int, err error) {
	if host, count, err = pingWords(args); err != nil {
		return "", 0, err
	}
	switch {
	case count > 0:
	case s.Interactive() && !s.JSON:
		count = pingMost
	default:
		count = pingCount
	}
	if host == "" {
		host, err = s.Ask(shell.Question{Text: "Please enter the host you wish to ping.", Required: true})
	}
	return host, count, err
}

// pingWords reads a host and a count, or -c and the count before or behind the host; what is not there is left empty.
func pingWords(args []string) (host string, count int, err error) {
	for len(args) > 0 && err == nil {
		word, rest := args[0], args[1:]
		switch attached, option := strings.CutPrefix(word, "-c"); {
		case option && attached != "":
			count, err = number("count", attached, 1, pingMost)
		case option && len(rest) == 0:
			err = shell.Usage("Invalid command: %s needs a count behind it.", word)
		case option:
			count, err = number("count", rest[0], 1, pingMost)
			rest = rest[1:]
		case strings.HasPrefix(word, "-"):
			err = shell.Usage("Invalid option %q: ping takes -c COUNT.", word)
		case host == "":
			host = word
		case count == 0:
			count, err = number("count", word, 1, pingMost)
		default:
			err = shell.Usage("Invalid word %q: ping takes a host and a count.", word)
		}
		args = rest
	}
	return host, count, err
}

// pinging is one run of ping.
type pinging struct {
	host string
	addr netip.Addr
	conn *icmp.PacketConn
	raw  bool // the socket sees everybody's answers, and the number in ours is ours to choose
	id   int

	sent, received int
	times          []time.Duration
}

func newPinging(ctx context.Context, a *Appliance, host string) (*pinging, error) {
	limited, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := calling{host: host}.addresses(limited, a.Engine.Resolver())
	if err != nil || len(list) == 0 {
		return nil, unresolved(host, "A or AAAA", err)
	}
	p := &pinging{host: host, addr: list[0].Unmap(), id: os.Getpid() & 0xffff}
	return p, p.open()
}

// open opens an unprivileged socket, or a raw one where the host permits that instead.
func (p *pinging) open() error {
	unprivileged, raw, any := "udp4", "ip4:icmp", "0.0.0.0"
	if p.addr.Is6() {
		unprivileged, raw, any = "udp6", "ip6:ipv6-icmp", "::"
	}
	var err error
	if p.conn, err = icmp.ListenPacket(unprivileged, any); err == nil {
		return nil
	}
	p.raw = true
	if p.conn, err = icmp.ListenPacket(raw, any); err == nil {
		return nil
	}
	if errors.Is(err, os.ErrPermission) {
		return shell.Fail("Unable to ping: the host system gives this service no ICMP socket (sysctl net.ipv4.ping_group_range, or the capability CAP_NET_RAW).")
	}
	return shell.Fail("Unable to ping: %w.", err)
}

func (p *pinging) run(ctx context.Context, s *shell.Session, count int) error {
	s.Endless()
	if !s.JSON {
		s.Printf("PING %s (%s): %d data bytes\n", p.host, p.addr, pingSize)
	}
	if s.Interactive() && !s.JSON {
		s.Say("Press Ctrl-C to stop.")
	}
	for seq := range count {
		began := time.Now()
		if err := p.once(ctx, s, seq); err != nil {
			return err
		}
		if ctx.Err() != nil || seq == count-1 {
			break
		}
		next := time.NewTimer(time.Until(began.Add(pingEvery)))
		select {
		case <-ctx.Done():
		case <-next.C:
		}
		next.Stop()
	}
	return p.finish(s)
}

// once sends one request and waits for its answer.
func (p *pinging) once(ctx context.Context, s *shell.Session, seq int) error {
	began := time.Now()
	if err := p.send(seq); err != nil {
		return shell.Fail("Unable to send to %s: %w.", p.addr, withoutAddress(err))
	}
	p.sent++
	stop := context.AfterFunc(ctx, func() { p.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	p.conn.SetReadDeadline(began.Add(pingWait))
	bytes, err := p.answer(seq)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		if !s.JSON {
			s.Printf("no answer to icmp_seq=%d within %s\n", seq, pingWait)
		}
		return nil
	}
	took := time.Since(began)
	p.received++
	p.times = append(p.times, took)
	if !s.JSON {
		s.Printf("%d bytes from %s: icmp_seq=%d time=%s\n", bytes, p.addr, seq, milliseconds(took))
	}
	return nil
}

func (p *pinging) send(seq int) error {
	var kind icmp.Type = ipv4.ICMPTypeEcho
	if p.addr.Is6() {
		kind = ipv6.ICMPTypeEchoRequest
	}
	m := icmp.Message{Type: kind, Body: &icmp.Echo{ID: p.id, Seq: seq, Data: make([]byte, pingSize)}}
	packet, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	var to net.Addr = &net.UDPAddr{IP: p.addr.AsSlice(), Zone: p.addr.Zone()}
	if p.raw {
		to = &net.IPAddr{IP: p.addr.AsSlice(), Zone: p.addr.Zone()}
	}
	_, err = p.conn.WriteTo(packet, to)
	return err
}

// answer waits for the answer with that number; others are passed over.
func (p *pinging) answer(seq int) (bytes int, err error) {
	protocol := 1 // the numbers of ICMP and ICMPv6 in the registry of protocols
	if p.addr.Is6() {
		protocol = 58
	}
	packet := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(packet)
		if err != nil {
			return 0, err
		}
		if p.isAnswer(protocol, packet[:n], seq) {
			return n, nil
		}
	}
}

// isAnswer says whether a packet is the answer to our request of that number. An unprivileged socket's own number is the
// system's, which sees to it that only our answers come.
func (p *pinging) isAnswer(protocol int, packet []byte, seq int) bool {
	m, err := icmp.ParseMessage(protocol, packet)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply {
		return false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && echo.Seq == seq&0xffff && (!p.raw || echo.ID == p.id)
}

// pingDocument is what ping --json prints.
type pingDocument struct {
	Host     string  `json:"host" doc:"as it was typed"`
	Address  string  `json:"address" doc:"that was asked"`
	Sent     int     `json:"sent" doc:"packets"`
	Received int     `json:"received" doc:"answers"`
	Least    float64 `json:"min_ms" doc:"0 where nothing was received"`
	Mean     float64 `json:"avg_ms" doc:"0 where nothing was received"`
	Most     float64 `json:"max_ms" doc:"0 where nothing was received"`
}

// finish prints the summary, after Ctrl-C too, and fails where nothing answered.
func (p *pinging) finish(s *shell.Session) error {
	d := pingDocument{Host: p.host, Address: p.addr.String(), Sent: p.sent, Received: p.received}
	if len(p.times) > 0 {
		var sum time.Duration
		for _, t := range p.times {
			sum += t
		}
		ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
		d.Least, d.Mean, d.Most = ms(slices.Min(p.times)), ms(sum/time.Duration(len(p.times))), ms(slices.Max(p.times))
	}
	if s.JSON {
		if err := s.PrintJSON(d); err != nil {
			return err
		}
	} else {
		lost := 0
		if p.sent > 0 {
			lost = 100 * (p.sent - p.received) / p.sent
		}
		s.Closing("\n--- %s ping statistics ---\n%d packets transmitted, %d packets received, %d%% packet loss\n", p.host, p.sent, p.received, lost)
		if p.received > 0 {
			s.Closing("round-trip min/avg/max = %.3f/%.3f/%.3f ms\n", d.Least, d.Mean, d.Most)
		}
	}
	if p.received == 0 && p.sent > 0 && !s.Interactive() {
		return shell.Fail("Error: no answer came from %s.", p.addr)
	}
	return nil
}

func milliseconds(t time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(t.Microseconds())/1000)
}

// withoutAddress is a network error without the addresses that its reader knows.
func withoutAddress(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
