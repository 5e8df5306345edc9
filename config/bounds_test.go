package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDecodeNested(t *testing.T) {
	t.Parallel()
	const deep = 1 << 20
	for name, tt := range map[string]struct {
		text string
		line int // of the refusal; 0 where it is the parser's to judge
	}{
		"lists":                {"\na = " + strings.Repeat("[", deep), 2},
		"tables":               {"a = " + strings.Repeat("{a=", deep), 1},
		"keys":                 {"\n\na" + strings.Repeat(".a", deep) + " = 1", 3},
		"quoted keys":          {`"a"` + strings.Repeat(` . "a"`, deep) + " = 1", 1},
		"heads":                {"[a" + strings.Repeat(".'a'", deep) + "]", 1},
		"many lines":           {"a = [\n" + strings.Repeat("[\n", deep), 101},
		"behind a text":        {`a = "\"" # "` + "\nb = " + strings.Repeat("[", deep), 2},
		"behind a long text":   {"a = \"\"\"x\n\\\"\"\"\"\nb = " + strings.Repeat("[", deep), 3},
		"behind five quotes":   {`a = ["""x""""", ` + strings.Repeat("[", deep), 1},
		"behind a plain text":  {`a = '\'` + "\nb = " + strings.Repeat("[", deep), 2},
		"behind an open text":  {`a = "\` + "\nb = " + strings.Repeat("[", deep), 2},
		"within a text":        {`hostname = "` + strings.Repeat("[.", deep) + `"`, 0},
		"within a long text":   {`hostname = '''` + strings.Repeat("[.\n", deep) + `'''`, 0},
		"within a comment":     {"# " + strings.Repeat("[.", deep), 0},
		"one behind the other": {"a = [" + strings.Repeat("[],", 1000) + "]", 0},
	} {
		_, err := Decode([]byte(tt.text))
		var se *SyntaxError
		refused := errors.As(err, &se) && se.Text == "nested deeper than 100"
		if refused != (tt.line > 0) || refused && se.Line != tt.line {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A settings file that is no file, or an endless one, is said in a line instead of being read for ever.
func TestOpenStrangeFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"pipe":    {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "not a plain file"},
		"device":  {func(path string) error { return os.Symlink("/dev/zero", path) }, "not a plain file"},
		"folder":  {func(path string) error { return os.Mkdir(path, 0o700) }, "not a plain file"},
		"endless": {func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) }, "larger than"},
	} {
		s := newTestStore(t)
		if err := errors.Join(os.Remove(s.settingsPath()), tt.put(s.settingsPath())); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(s.dir); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if err := Check(s.dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("check of a %s: %v", name, err)
		}
		s = newTestStore(t)
		if err := tt.put(filepath.Join(s.dir, revisionsName, revisionFile(7))); err != nil {
			t.Fatal(err)
		}
		again, err := Open(s.dir)
		if err != nil || again.Running().Revision.Number != 1 {
			t.Errorf("%s among the revisions: %v", name, err)
		}
	}
}
