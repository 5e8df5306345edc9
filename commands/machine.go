package commands

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuSample is how long the use of the processors is watched for status detail.
const cpuSample = 100 * time.Millisecond

// load is what the appliance takes of the machine; -1 where the system does not tell.
type load struct {
	RAM         int64 // bytes
	RAMPercent  int   // percent of the machine's memory
	CPUPercent  int   // percent of all processors
	DiskPercent int   // percent of the file system that the data folder is on
}

// machineLoad watches the processors for a moment, or until ctx ends; folder is in the data folder.
func machineLoad(ctx context.Context, folder string) load {
	l := load{RAM: residentBytes(), RAMPercent: -1, CPUPercent: -1, DiskPercent: diskPercent(folder)}
	if total := memoryMegabytes() << 20; total > 0 && l.RAM >= 0 {
		l.RAMPercent = percent(l.RAM, total)
	}
	before, began := cpuTime(), time.Now()
	timer := time.NewTimer(cpuSample)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	l.CPUPercent = percent(int64(cpuTime()-before), int64(time.Since(began))*int64(runtime.NumCPU()))
	return l
}

func percent(part, whole int64) int {
	if whole <= 0 {
		return 0
	}
	return int(min(100, (100*part+whole/2)/whole))
}

// cpuTime is what this process has had of the processors so far.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// residentBytes is the memory that this process occupies; -1 where Linux does not tell.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return -1
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return -1
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return -1
	}
	return pages * int64(os.Getpagesize())
}

// diskPercent is how full a file system is, in the way of df: what only root may use counts neither as used nor as free.
func diskPercent(folder string) int {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return -1
	}
	used := int64(fs.Blocks - fs.Bfree)
	return percent(used, used+int64(fs.Bavail))
}

// memoryMegabytes is the machine's memory as Linux tells it, 0 where it does not.
func memoryMegabytes() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes >> 10
		}
	}
	return 0
}
