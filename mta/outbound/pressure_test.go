package outbound

import (
	"strings"
	"sync/atomic"
	"testing"

	"posthouse/config"
	"posthouse/mta/queue"
)

// TestAPeerThatBearsFewConnections refuses what is beyond two, in different ways: nothing waits longer for it than until one
// of the two has room.
func TestAPeerThatBearsFewConnections(t *testing.T) {
	for name, refuse := range map[string]func(l *line){
		"at the banner": func(l *line) { l.say("421 4.7.0 too many connections\r\n") },
		"for now":       func(l *line) { l.say("450 4.7.1 too many connections\r\n") },
		"at MAIL": func(l *line) {
			l.greet()
			l.hear("MAIL", "421 4.7.0 too many connections\r\n")
		},
		"with a reset": func(*line) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var open atomic.Int32
			greeted, goOn, refused := make(chan struct{}, 100), make(chan struct{}), make(chan struct{}, 100)
			p := newPeer(t, func(n int, l *line) {
				defer open.Add(-1)
				if open.Add(1) > 2 {
					refuse(l)
					refused <- struct{}{}
					return
				}
				l.greet()
				greeted <- struct{}{}
				<-goOn
				for {
					got, err := l.r.ReadString('\n')
					if err != nil || strings.HasPrefix(got, "QUIT") {
						l.say("221 bye\r\n")
						return
					}
					l.say("250 ok\r\n")
					l.hear("RCPT", "250 ok\r\n")
					l.hear("DATA", "354 go\r\n")
					l.take("250 taken\r\n")
				}
			})
			b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", p) })
			for range 2 {
				b.send("b@peer.example")
			}
			<-greeted
			<-greeted
			for range 4 {
				b.send("b@peer.example")
			}
			<-refused
			close(goOn)
			for range 6 {
				if s := b.outcome(); s.Outcome != SentDelivered {
					t.Errorf("told %+v", s)
				}
			}
			if h, _ := b.queue.Host("peer.example"); h.State != queue.Up || h.SoftBounced != 0 {
				t.Errorf("%+v", h.HostSummary)
			}
		})
	}
}

// TestAKeptConnectionMakesRoom has a peer that bears one connection, and keeps mail that may not go over it from having one.
func TestAKeptConnectionMakesRoom(t *testing.T) {
	var open atomic.Int32
	p := newPeer(t, func(_ int, l *line) {
		defer open.Add(-1)
		if open.Add(1) > 1 {
			l.say("421 4.7.0 too many connections\r\n")
			return
		}
		l.greet()
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		b.idle = forLong
		route(c, "peer.example", p)
		route(c, "other.example", p)
		c.Destinations["other.example"] = &config.Destination{Certificate: "Other"}
	})
	b.send("b@peer.example")
	b.outcome()
	b.rest()
	b.send("b@other.example")
	if s := b.outcome(); s.Outcome != SentDelivered {
		t.Errorf("told %+v", s)
	}
}
