package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ProcessorTime is what this life has used of the processors, in user and system mode: utime and stime of proc_pid_stat(5), in
// hundredths of a second.
func (a *Appliance) ProcessorTime() (time.Duration, error) {
	pid := a.process.Process.Pid
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	var sum int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond, nil
}
