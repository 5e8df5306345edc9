package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestReadStrace(t *testing.T) {
	for text, want := range map[string]map[string]int64{
		"": {},
		`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.77    0.101562          36      2812           fsync
 38.23    0.062857          31      2009         3 fdatasync
------ ----------- ----------- --------- --------- ----------------
100.00    0.164419          34      4821         3 total
`: {"fsync": 2812, "fdatasync": 2009},
	} {
		file := filepath.Join(t.TempDir(), "counts")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readStrace(file); err != nil || !maps.Equal(got, want) {
			t.Errorf("%v, %v, want %v of\n%s", got, err, want, text)
		}
	}
	if _, err := readStrace(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}
