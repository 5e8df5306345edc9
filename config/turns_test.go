package config

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a part of the appliance that gets ready only when it is told to give up.
type stuck struct{}

func (stuck) Prepare(ctx context.Context, _, _ *Config) (Prepared, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A part that hangs holds up the commit for a limited time, another's commit no longer than that one likes to wait,
// and the running configuration not at all.
func TestPartThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFaultyStore(t)
		parts := &recorder{}
		s.SetAppliers(parts, stuck{})
		before := s.Running()
		start := time.Now()
		first := make(chan error)
		go func() {
			c := s.Candidate()
			c.Config.Injection.MaxHops = 77
			_, err := s.Commit(t.Context(), c, alice, "", true)
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := s.Candidate()
		c.Config.Injection.MaxHops = 78
		if _, err := s.Commit(ctx, c, bob, "", true); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another commit is under way") {
			t.Errorf("the second: %v", err)
		}
		if _, err := s.Confirm(ctx, anybody); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("confirm: %v", err)
		}
		err := <-first
		var pe *PrepareError
		if !errors.As(err, &pe) || err.Error() != "the appliance was not ready for it within 1m0s" || time.Since(start) != prepareLimit {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if got := strings.Join(parts.log, " "); got != "prepare abort" || s.Running() != before {
			t.Errorf("parts %s, revision %d", got, s.Running().Revision.Number)
		}
		s.SetAppliers()
		if _, err := s.Commit(t.Context(), c, bob, "", true); err != nil {
			t.Error(err)
		}
	})
}

// Many commit at once: every one of them is there, in a revision of its own.
func TestCommitsAtOnce(t *testing.T) {
	s := newTestStore(t)
	const many = 20
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			c := s.Candidate()
			c.Config.Destinations[fmt.Sprintf("d%d.example", i)] = &Destination{TLS: TLSRequire}
			if _, err := s.Commit(context.Background(), c, Author{User: fmt.Sprint("user", i)}, "", true); err != nil {
				t.Error(err)
			}
			s.Waiting()
			s.Revisions()
		})
	}
	wg.Wait()
	again := mustOpen(t, s.dir)
	if n := len(again.Running().Config.Destinations); n != many+1 || again.Running().Revision.Number != many+1 {
		t.Errorf("%d destinations in revision %d", n, again.Running().Revision.Number)
	}
}
