package inhand

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func open(t *testing.T, dir string) (*Hand, Found) {
	t.Helper()
	h, found, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h, found
}

// die is the end of a process that was at work: its memory is gone, the file stays.
func die(t *testing.T, h *Hand, crash string) {
	t.Helper()
	if crash != "" {
		if err := os.WriteFile(h.CrashFile(), []byte(crash), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheSecondFaultParksWhoWasThereTwice(t *testing.T) {
	dir := t.TempDir()
	h, found := open(t, dir)
	if found.Died {
		t.Errorf("a first start finds %+v", found)
	}
	h.Put(h.Take(1), 1)
	h.Take(2)
	h.Take(3)
	die(t, h, "panic: boom")

	h, found = open(t, dir)
	if !found.Died || found.Fault != "panic: boom" || len(found.Parked) != 0 {
		t.Errorf("after a fault: %+v", found)
	}
	for mid, want := range map[uint64]bool{1: false, 2: true, 3: true} {
		if suspect, parked := h.Suspect(mid); suspect != want || parked {
			t.Errorf("message %d: %v, %v", mid, suspect, parked)
		}
	}
	h.Put(h.Take(2), 2) // 2 was innocent
	h.Take(3)
	h.Take(4)
	die(t, h, "panic: boom")

	h, found = open(t, dir)
	if !slices.Equal(found.Parked, []uint64{3}) {
		t.Errorf("after the second fault: %+v", found)
	}
	if suspect, _ := h.Suspect(2); suspect {
		t.Error("2 is still under suspicion")
	}
	if suspect, parked := h.Suspect(4); !suspect || parked {
		t.Errorf("4: %v, %v", suspect, parked)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, found = open(t, dir)
	if found.Died {
		t.Errorf("after an orderly end: %+v", found)
	}
	if _, parked := h.Suspect(3); !parked {
		t.Error("3 is not parked any more")
	}
	h.Keep(func(mid uint64) bool { return mid == 4 })
	if suspect, _ := h.Suspect(3); suspect {
		t.Error("what is not there any more is remembered")
	}
	h.Close()
}

func TestAKillFromOutsideSaysLittle(t *testing.T) {
	dir := t.TempDir()
	for n := range 10 {
		h, found := open(t, dir)
		if len(found.Parked) > 0 {
			t.Fatalf("parked after %d kills", n)
		}
		h.Take(7)
	}
	if _, found := open(t, dir); !slices.Equal(found.Parked, []uint64{7}) {
		t.Errorf("after ten kills: %+v", found)
	}
}

func TestMoreThanCanBeWatched(t *testing.T) {
	h, _ := open(t, t.TempDir())
	defer h.Close()
	var taken []int
	for mid := range uint64(slots + 5) {
		taken = append(taken, h.Take(mid+1))
	}
	if taken[slots-1] < 0 || taken[slots] != -1 {
		t.Errorf("slots %d, %d", taken[slots-1], taken[slots])
	}
	for i, slot := range taken {
		h.Put(slot, uint64(i+1))
	}
	if slot := h.Take(9); slot < 0 {
		t.Error("nothing is free again")
	}
}

const childDir = "POSTHOUSE_INHAND_DIR"

// TestDyingChild is the process of TestWhatIsInHandOutlivesTheProcess.
func TestDyingChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("only as a child of TestWhatIsInHandOutlivesTheProcess")
	}
	h, _ := open(t, dir)
	h.Put(h.Take(1), 1)
	h.Take(2)
	os.Exit(3)
}

func TestWhatIsInHandOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDyingChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	h, found := open(t, dir)
	defer h.Close()
	if suspect, _ := h.Suspect(2); !found.Died || !suspect {
		t.Errorf("%+v, suspect %v", found, suspect)
	}
}
