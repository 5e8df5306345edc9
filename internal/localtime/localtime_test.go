package localtime

import (
	"sync"
	"testing"
	"time"
)

// TestSet: a zone may be changed while others read it, and what is not local stays as it is.
func TestSet(t *testing.T) {
	defer current.Store(current.Load())
	at := time.Date(2026, 3, 13, 23, 30, 0, 0, time.UTC)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 1000 {
				if Now().Location() == nil || !In(at).Equal(at) {
					t.Error("no zone")
				}
			}
		})
	}
	for name, want := range map[string]string{"Asia/Tokyo": "14 08:30", "America/New_York": "13 19:30", "Etc/UTC": "13 23:30"} {
		z, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		Set(z)
		if got := In(at).Format("02 15:04"); got != want {
			t.Errorf("in %s it is %s, want %s", name, got, want)
		}
		if got := Of(at.Local()).Format("02 15:04"); got != want {
			t.Errorf("locally in %s it is %s, want %s", name, got, want)
		}
		if got := Of(at).Format("02 15:04"); got != "13 23:30" {
			t.Errorf("in UTC it is %s", got)
		}
	}
	readers.Wait()
	if z, err := Load(""); err != nil || z != host {
		t.Errorf("the host's zone is %v, %v", z, err)
	}
	if _, err := Load("Nowhere/Land"); err == nil {
		t.Error("a zone that there is not")
	}
}
