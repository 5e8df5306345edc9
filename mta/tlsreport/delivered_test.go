package tlsreport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthouse/internal/cause"
)

func TestDelivered(t *testing.T) {
	r := newRig(t)
	r.c.Delivered("Partner.example", Verified, "", 2)
	r.c.Delivered(partner, Encrypted, cause.V5, 3)
	r.later(24 * time.Hour)
	r.c.Delivered(partner, Clear, cause.S2, 4)
	r.c.Delivered("other.example", Clear, "", 1)
	if err := r.c.Flush(); err != nil {
		t.Fatal(err)
	}
	r.open()
	summary, known := r.c.Summary(partner)
	d := summary.Total
	if !known || d.Verified != 2 || d.Encrypted != 3 || d.Clear != 4 || d.WeakCause != cause.V5 || d.ClearCause != cause.S2 || !d.LastClear.Equal(r.now) {
		t.Errorf("summary is %+v", summary)
	}
	if len(summary.Days) != 2 || summary.Days[0].Verified != 2 || summary.Days[1].Clear != 4 {
		t.Errorf("days are %+v", summary.Days)
	}
	all := r.c.Deliveries()
	if len(all) != 2 || all[0].Domain != "other.example" || all[1].Deliveries != d {
		t.Errorf("deliveries are %+v", all)
	}
}

// After thirty days a day is forgotten, also on disk, and finished periods do not pile up.
func TestOldDaysGo(t *testing.T) {
	r := newRig(t)
	for range keptDays + 5 {
		r.c.Delivered(partner, Clear, cause.S2, 1)
		r.c.Observe(record(nil))
		r.c.keep()
		r.later(24 * time.Hour)
	}
	r.c.turn(r.now)
	r.c.keep()
	days, _ := filepath.Glob(filepath.Join(r.dir, dayFiles))
	periods, _ := filepath.Glob(filepath.Join(r.dir, periodFiles))
	if len(days) != keptDays-1 || len(periods) != keptPeriods { // today has nothing yet
		t.Errorf("%d days, %d periods are on disk", len(days), len(periods))
	}
	if summary, _ := r.c.Summary(partner); summary.Total.Clear != keptDays-1 || len(summary.Counted) != keptPeriods {
		t.Errorf("summary is %+v", summary.Total)
	}
	if len(r.told) != 0 {
		t.Errorf("told %q", r.told)
	}
}

// A damaged file stops nothing, is told of and is kept aside.
func TestDamagedFiles(t *testing.T) {
	r := newRig(t)
	r.c.Delivered(partner, Clear, cause.S2, 1)
	r.c.Observe(record(nil))
	r.c.keep()
	files, _ := filepath.Glob(filepath.Join(r.dir, "*.json"))
	if len(files) != 2 {
		t.Fatalf("files are %q", files)
	}
	for _, path := range files {
		if err := os.WriteFile(path, []byte(`{"start":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.open()
	if _, known := r.c.Summary(partner); known || len(r.told) != 2 || !strings.Contains(r.told[0], "damaged") {
		t.Errorf("known %v, told %q", known, r.told)
	}
	if aside, _ := filepath.Glob(filepath.Join(r.dir, "*.damaged")); len(aside) != 2 {
		t.Errorf("aside are %q", aside)
	}
	r.c.Delivered(partner, Clear, cause.S2, 1)
	if err := r.c.Flush(); err != nil {
		t.Error(err)
	}
}

// What cannot be written is written when it can.
func TestFullDisk(t *testing.T) {
	r := newRig(t)
	r.c.Delivered(partner, Clear, cause.S2, 1)
	aside := r.dir + ".aside"
	if err := os.Rename(r.dir, aside); err != nil {
		t.Fatal(err)
	}
	r.c.keep()
	if len(r.told) != 1 {
		t.Errorf("told %q", r.told)
	}
	if err := os.Rename(aside, r.dir); err != nil {
		t.Fatal(err)
	}
	r.c.keep()
	r.open()
	if summary, _ := r.c.Summary(partner); summary.Total.Clear != 1 {
		t.Errorf("summary is %+v", summary.Total)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{"a\r\nb\x1b\x85": "a??b??", "äöü": "äöü", "äääääää": "äää...", "123456789": "123456789", "1234567890": "123456..."} {
		if got := printable(text, 9); got != want {
			t.Errorf("printable(%q) is %q, want %q", text, got, want)
		}
	}
}
