package config

import (
	"context"
	"slices"
	"testing"
)

func numbers(list []Revision) (n []int) {
	for _, r := range list {
		n = append(n, r.Number)
	}
	return n
}

// What is offered for rollback is what a commit replaced, if its author said so; renewals do not count.
func TestPrevious(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	if list := s.Previous(); len(list) > 0 {
		t.Errorf("%v after the first start", numbers(list))
	}
	mustCommit(t, s, func(c *Config) { managed(c, false, put(t, s, "first")) }) // 2
	quiet := s.Candidate()
	quiet.Config.Injection.MaxHops = 33
	if _, err := s.Commit(context.Background(), quiet, bob, "", false); err != nil { // 3 does not offer 2
		t.Fatal(err)
	}
	mustRenew(t, s, "mx", "second") // 4
	if list := s.Previous(); !slices.Equal(numbers(list), []int{1}) {
		t.Errorf("after a renewal %v", numbers(list))
	}
	mustCommit(t, s, hops(44)) // 5
	mustRenew(t, s, "mx", "third")
	if list := s.Previous(); !slices.Equal(numbers(list), []int{3, 1}) {
		t.Errorf("got %v", numbers(list))
	}
}

// Going back brings the settings back, with the newest content of every profile that is still there.
func TestEarlierAfterRenewal(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	mustCommit(t, s, func(c *Config) { managed(c, false, put(t, s, "first")) })
	mustRenew(t, s, "mx", "second")
	mustCommit(t, s, hops(44))
	c, err := s.Earlier(2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(context.Background(), c, alice, "back", true); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, s.dir)
	if got := again.Running().Config; got.Injection.MaxHops == 44 || contentOf(t, again) != "second" {
		t.Errorf("%d hops, content %s", got.Injection.MaxHops, contentOf(t, again))
	}
	for number := range 5 { // every kept revision can be had with all that it names
		c, err := s.Load(number + 1)
		if err != nil {
			t.Fatal(err)
		}
		if lost := lostSecrets(c, s.Vault()); len(lost) > 0 {
			t.Errorf("revision %d: %v", number+1, lost)
		}
	}
}
