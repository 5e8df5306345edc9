package commands

import (
	"context"
	"runtime"
	"testing"
)

func TestMachineLoad(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel() // nothing is waited for
	l := machineLoad(over, t.TempDir())
	for name, value := range map[string]int{"RAM": l.RAMPercent, "CPU": l.CPUPercent, "disk": l.DiskPercent} {
		if value > 100 || value < 0 && runtime.GOOS == "linux" {
			t.Errorf("%s is at %d %%", name, value)
		}
	}
	if runtime.GOOS == "linux" && l.RAM < 1<<20 {
		t.Errorf("the process takes %d bytes", l.RAM)
	}
	if got := diskPercent("/nowhere/at/all"); got != -1 {
		t.Errorf("a folder that is not there is on a disk that is %d %% full", got)
	}
	for _, tt := range []struct {
		part, whole int64
		want        int
	}{{0, 0, 0}, {1, 3, 33}, {2, 3, 67}, {5, 1, 100}} {
		if got := percent(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d is %d %%, want %d", tt.part, tt.whole, got, tt.want)
		}
	}
	if got := utilization("RAM", -1) + utilization("CPU", 3); got != "    RAM Utilization               unknown\n    CPU Utilization                    3%\n" {
		t.Errorf("the lines are %q", got)
	}
}
