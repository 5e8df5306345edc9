package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const recordSize = 4 * kib

// fileUser is a goroutine that writes files, and syncs each write.
type fileUser struct {
	dir    *os.File
	base   string // of its files' names
	own    *os.File
	record [recordSize]byte
}

// files runs n file users, each doing the same again and again.
func files(n int, step func(u *fileUser, i int) error) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) {
		return f.together(n, func(id int, goOn func() bool) error {
			u := &fileUser{base: filepath.Join(f.dir, fmt.Sprintf("f%d", id))}
			var err error
			if u.dir, err = os.Open(f.dir); err != nil {
				return err
			}
			defer u.dir.Close()
			if u.own, err = os.Create(u.base); err != nil {
				return err
			}
			defer os.Remove(u.base)
			defer u.own.Close()
			for i := 0; goOn(); i++ {
				if err := step(u, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// together runs n goroutines until the time is up, and returns how many times a second one of them was told to go on.
func (f *floorPlan) together(n int, work func(id int, goOn func() bool) error) (float64, error) {
	var count atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	begun := time.Now()
	goOn := func() bool {
		if time.Since(begun) >= f.time || f.ctx.Err() != nil || failed.Load() != nil {
			return false
		}
		count.Add(1)
		return true
	}
	for id := range n {
		group.Go(func() {
			if err := work(id, goOn); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count.Load()) / time.Since(begun).Seconds(), nil
}

func appendFile(u *fileUser, _ int) error {
	if _, err := u.own.Write(u.record[:]); err != nil {
		return err
	}
	return u.own.Sync()
}

func createFile(u *fileUser, i int) error {
	name, err := u.create(i)
	if err != nil {
		return err
	}
	return os.Remove(name)
}

func renameFile(u *fileUser, i int) error {
	name, err := u.create(i)
	if err != nil {
		return err
	}
	if err := os.Rename(name, name+".q"); err != nil {
		return err
	}
	if err := u.dir.Sync(); err != nil {
		return err
	}
	return os.Remove(name + ".q")
}

func (u *fileUser) create(i int) (name string, err error) {
	name = fmt.Sprintf("%s.%d", u.base, i)
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := file.Write(u.record[:]); err != nil {
		return "", err
	}
	return name, file.Sync()
}

// growingLog appends n records at a time to one file and syncs.
func growingLog(n int) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) { return f.log(n, 0) }
}

// writtenLog does the same in the place of what was written there before.
func writtenLog(n int) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) { return f.log(n, 256<<20) }
}

// log writes batches from the beginning of a file; where size is not zero the file is written to that size first, and begun
// anew when its end is reached.
func (f *floorPlan) log(batch, size int) (float64, error) {
	name := filepath.Join(f.dir, "log")
	file, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer os.Remove(name)
	defer file.Close()
	zeros := make([]byte, max(1<<20, batch*recordSize))
	for written := 0; written < size; written += 1 << 20 {
		if _, err := file.Write(zeros[:1<<20]); err != nil {
			return 0, err
		}
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	offset := 0
	rate, err := f.together(1, func(_ int, goOn func() bool) error {
		for goOn() {
			if size > 0 && offset+batch*recordSize > size {
				offset = 0
			}
			if _, err := file.WriteAt(zeros[:batch*recordSize], int64(offset)); err != nil {
				return err
			}
			offset += batch * recordSize
			if err := unix.Fdatasync(int(file.Fd())); err != nil {
				return err
			}
		}
		return nil
	})
	return rate * float64(batch), err
}

// groupCommit has n goroutines hand records to one, which writes all that wait and syncs once.
func groupCommit(n int) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) {
		name := filepath.Join(f.dir, "log")
		file, err := os.Create(name)
		if err != nil {
			return 0, err
		}
		defer os.Remove(name)
		defer file.Close()
		waiting := make(chan chan error, n)
		var committer sync.WaitGroup
		committer.Go(func() { commit(file, waiting) })
		rate, err := f.together(n, func(_ int, goOn func() bool) error {
			done := make(chan error, 1)
			for goOn() {
				waiting <- done
				if err := <-done; err != nil {
					return err
				}
			}
			return nil
		})
		close(waiting)
		committer.Wait()
		return rate, err
	}
}

// commit writes a record for everybody who waits, syncs once, and tells them.
func commit(file *os.File, waiting chan chan error) {
	var batch []chan error
	for first := range waiting {
		batch = append(batch[:0], first)
		for more := true; more; {
			select {
			case next, open := <-waiting:
				if more = open; open {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		_, err := file.Write(make([]byte, len(batch)*recordSize))
		if err == nil {
			err = unix.Fdatasync(int(file.Fd()))
		}
		for _, done := range batch {
			done <- err
		}
	}
}
