package commands

import "testing"

func TestBannerWithoutItsFile(t *testing.T) {
	b := newBench(t)
	b.fails("adminaccessconfig banner import", "", `the name of a file is missing behind "import"`)
	b.fails("adminaccessconfig welcome IMPORT", "", `the name of a file is missing behind "import"`)
}
