package config

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// countdown is a context that ends when it was asked for its end so many times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Whoever waits for a large configuration may give it up at each of its objects, and then gets no half of an answer.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	const objects = 50
	small, large := Default("mail.example.com"), Default("mail.example.com")
	large.Routes = map[string]*Route{}
	for i := range objects {
		large.Routes[fmt.Sprintf("d%d.example", i)] = &Route{Hops: []string{"wrong host"}}
	}
	for _, work := range []struct {
		name string
		do   func(ctx context.Context) (complete bool, err error)
	}{
		{"ValidateUntil", func(ctx context.Context) (bool, error) {
			err := large.ValidateUntil(ctx)
			if faults := FieldErrors(err); faults != nil {
				return len(faults) == objects, nil
			}
			return false, err
		}},
		{"DiffUntil", func(ctx context.Context) (bool, error) {
			changes, err := DiffUntil(ctx, small, large)
			return len(changes) == objects, err
		}},
	} {
		n := 0
		for ; ; n++ {
			complete, err := work.do(&countdown{t.Context(), n})
			if err == nil && complete {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s, given up after %d objects: %v", work.name, n, err)
			}
		}
		if n < objects {
			t.Errorf("%s can be given up %d times", work.name, n)
		}
	}
}
