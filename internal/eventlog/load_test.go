package eventlog

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Many writers, files that are rolled over all the time, by hand and by their size, and somebody who follows: no line is
// lost, none comes twice, and each writer's are in order.
func TestRolloverUnderLoadLosesNoLine(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail", MaxFiles: 1 << 20, MaxSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := Open(Options{Dir: t.TempDir(), Name: "other", File: "other", MaxFiles: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	l.SetAlso([]*Log{other})
	const writers, lines = 8, 2000
	var pushed []string // Push is told under the log's own lock
	l.SetPush(func(_ time.Time, _ Level, text []byte) { pushed = append(pushed, string(text)) })
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	var tailed []string
	following := make(chan struct{})
	go func() {
		defer close(following)
		l.Tail(ctx, 1<<20, func(line string) error {
			if _, text, ok := strings.Cut(line, ": writer "); ok {
				if tailed = append(tailed, text); len(tailed) == writers*lines {
					stop()
				}
			}
			return nil
		})
	}()
	var group, rolling sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range lines {
				if n%2 == 0 {
					l.Line(Info, fmt.Sprintf("writer %d line %d", w, n))
				} else {
					l.Lines(Info, fmt.Appendf(nil, "writer %d line %d\n", w, n))
				}
			}
		})
	}
	enough := make(chan struct{})
	rolling.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
			}
			if err := l.Rollover(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	group.Wait()
	close(enough)
	rolling.Wait()
	<-following
	whole := func(name string, got []string) {
		next := map[string]int{}
		for _, text := range got {
			var w, n int
			if _, err := fmt.Sscanf(text, "%d line %d", &w, &n); err != nil || next[fmt.Sprint(w)] != n {
				t.Fatalf("%s: %q comes where line %d is due", name, text, next[fmt.Sprint(w)])
			}
			next[fmt.Sprint(w)]++
		}
		if len(got) != writers*lines {
			t.Errorf("%s has %d lines of %d", name, len(got), writers*lines)
		}
	}
	whole("tail", tailed)
	for name, from := range map[string]*Log{"grep": l, "the other log": other} {
		var got []string
		if err := from.Grep(context.Background(), Query{}, func(line string) error {
			if _, text, ok := strings.Cut(line, ": writer "); ok {
				got = append(got, text)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		whole(name, got)
	}
	for i := range pushed {
		pushed[i] = strings.TrimPrefix(pushed[i], "writer ")
	}
	whole("push", pushed)
}
