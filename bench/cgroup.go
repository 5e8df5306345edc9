package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cgroup is one server's: its CPU time is counted there with that of all its children, and all of them can be ended at once.
type cgroup struct {
	path string
	file *os.File

	peakRSS, peakPSS, peakProcs atomic.Int64

	stop    chan struct{} // closed when sampling is to end
	sampled sync.WaitGroup
}

// cgroupRoot is where version 2 is mounted, alone or beside version 1.
func cgroupRoot() string {
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		return "/sys/fs/cgroup/unified"
	}
	return "/sys/fs/cgroup"
}

func newCgroup() (*cgroup, error) {
	path := filepath.Join(cgroupRoot(), fmt.Sprintf("bench-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("needs cgroup v2: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	g := &cgroup{path: path, file: f, stop: make(chan struct{})}
	g.sampled.Go(g.sample)
	return g, nil
}

// end ends every process that is left in it, and the group. A process that has gone from the list may still be on its way
// out, and the group cannot be removed before it is.
func (g *cgroup) end() error {
	close(g.stop)
	g.sampled.Wait()
	g.file.Close()
	err := os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0)
	until(10*time.Second, 10*time.Millisecond, func() bool {
		if removed := os.Remove(g.path); removed != nil {
			err = removed
			return false
		}
		err = nil
		return true
	})
	return err
}

// until asks done again and again, and tells whether it said yes in time.
func until(limit, every time.Duration, done func() bool) bool {
	for begun := time.Now(); !done(); time.Sleep(every) {
		if time.Since(begun) > limit {
			return false
		}
	}
	return true
}

func (g *cgroup) pids() []string {
	text, err := os.ReadFile(filepath.Join(g.path, "cgroup.procs"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// cpu is the seconds of user and system time of everything that has run in the group.
func (g *cgroup) cpu() (user, system float64) {
	text, err := os.ReadFile(filepath.Join(g.path, "cpu.stat"))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "user_usec":
			user = v / 1e6
		case name == "system_usec":
			system = v / 1e6
		}
	}
	return user, system
}

// sample keeps the peaks. The proportional share is dear to read, so it is read every 3 s only.
func (g *cgroup) sample() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		g.memory(i%15 == 0)
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
	}
}

func (g *cgroup) resetPeaks() {
	g.peakRSS.Store(0)
	g.peakPSS.Store(0)
	g.peakProcs.Store(0)
}

// memory is the resident memory of all processes now: shared pages counted in each (rss), and split between them (pss, when asked).
func (g *cgroup) memory(proportional bool) (rss, pss int64) {
	pids := g.pids()
	for _, pid := range pids {
		rss += residentBytes(pid)
		if proportional {
			pss += proportionalBytes(pid)
		}
	}
	raise(&g.peakRSS, rss)
	raise(&g.peakPSS, pss)
	raise(&g.peakProcs, int64(len(pids)))
	return rss, pss
}

func raise(peak *atomic.Int64, to int64) {
	for old := peak.Load(); old < to && !peak.CompareAndSwap(old, to); old = peak.Load() {
	}
}

func residentBytes(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0 // it has ended meanwhile
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

func proportionalBytes(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	_, rest, found := bytes.Cut(text, []byte("\nPss:"))
	fields := bytes.Fields(rest)
	if err != nil || !found || len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10
}

// diskWritten is what was written to all real block devices, by the whole machine.
func diskWritten() (bytes int64) {
	files, _ := filepath.Glob("/sys/block/*/stat")
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "zram") || strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "dm-") {
			continue
		}
		text, err := os.ReadFile(file)
		fields := strings.Fields(string(text))
		if err != nil || len(fields) < 7 {
			continue
		}
		sectors, _ := strconv.ParseInt(fields[6], 10, 64)
		bytes += sectors * 512
	}
	return bytes
}
