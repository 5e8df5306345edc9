package testscripts

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// TestMatrixIn lets a client fail for every cause for which a client can fail, and holds what mail_logs and findevent say
// of it against the cause: that id, and no other.
func TestMatrixIn(t *testing.T) {
	t.Parallel()
	metrics := anyFreePort(t)
	in := newInward(t, "metricsconfig "+metrics)
	rows := slices.Concat(startRows(), nothingCommonRows(), brokenRows(), alertRows(in), certificateRows(t, in))
	found := &finds{by: map[string][]string{}}
	in.commit(t, "listenerconfig setup command_timeout 1")
	found.play(t, in, "slow", slowRows())
	in.commit(t, "listenerconfig setup command_timeout 60")
	found.play(t, in, "rest", rows)
	t.Run("findevent", func(t *testing.T) { found.compare(t, in) })
	t.Run("metrics", func(t *testing.T) { found.compareMetrics(t, "http://"+metrics+"/metrics") })
}

// finds is which clients findevent must find by each id.
type finds struct {
	mu sync.Mutex
	by map[string][]string
}

func (f *finds) play(t *testing.T, in *inward, group string, rows []inRow) {
	t.Run(group, func(t *testing.T) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				c := in.newcomer(t, row.network)
				row.play(c)
				c.want(row.want...)
				f.mu.Lock()
				defer f.mu.Unlock()
				for _, id := range row.ids {
					f.by[id] = append(f.by[id], c.from)
				}
			})
		}
	})
}

var (
	catalogued = regexp.MustCompile(`(?m)^\| ([NSHVDMRPLQ]\d+) \|`)
	ours       = regexp.MustCompile(`127\.4[1-4]\.\d+\.\d+`)
)

// compare asks findevent for every id of the catalogue.
func (f *finds) compare(t *testing.T, in *inward) {
	page, err := os.ReadFile("../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	var ids, commands []string
	for _, m := range catalogued.FindAllStringSubmatch(string(page), -1) {
		ids = append(ids, m[1])
		commands = append(commands, "findevent -x "+m[1]+" mail_logs")
	}
	if len(ids) < 60 {
		t.Fatalf("only %d causes are in the catalogue", len(ids))
	}
	for i, said := range in.console(t, commands...) {
		got, want := slices.Compact(slices.Sorted(slices.Values(ours.FindAllString(said, -1)))), slices.Sorted(slices.Values(f.by[ids[i]]))
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q:\n%s", commands[i], got, want, said)
		}
	}
}

var causesCounted = regexp.MustCompile(`(?m)^posthouse_tls_causes_total\{cause="(\w+)",direction="in"\} (\d+)$`)

// compareMetrics wants each connection counted by its cause, once.
func (f *finds) compareMetrics(t *testing.T, url string) {
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, m := range causesCounted.FindAllStringSubmatch(string(page), -1) {
		got[m[1]] = m[2]
	}
	for id, clients := range f.by {
		want[id] = fmt.Sprint(len(clients))
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v:\n%s", got, want, page)
	}
}

// anyFreePort is an address on which nothing listens.
func anyFreePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
