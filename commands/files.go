package commands

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"posthouse/internal/safefile"
	"posthouse/shell"
)

// maxFile is the largest file that an operator may have read, in bytes.
const maxFile = 16 << 20

// readFile reads an operator's file from /configuration. Only plain names and plain files are taken: no path, no link,
// nothing that could make the reader wait.
func readFile(a *Appliance, name string) ([]byte, error) {
	if err := safefile.Name(name); err != nil {
		return nil, shell.Fail("Invalid name: %v.", err)
	}
	f, err := os.OpenFile(filepath.Join(a.Files, name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, shell.Fail("No such file %q in /configuration.", name)
	}
	if errors.Is(err, syscall.ELOOP) {
		return nil, shell.Fail("Invalid name: %q is a link, a plain file is wanted.", name)
	}
	if err != nil {
		return nil, shell.Fail("Unable to read %q: %v.", name, reason(err))
	}
	defer f.Close()
	return readPlain(f, name)
}

func readPlain(f *os.File, name string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, shell.Fail("Unable to read %q: %v.", name, reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, shell.Fail("Invalid name: %q is not a plain file.", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, shell.Fail("Unable to read %q: %v.", name, reason(err))
	}
	if len(data) > maxFile {
		return nil, shell.Fail("Unable to read %q: it is larger than %s bytes.", name, thousands(maxFile))
	}
	return data, nil
}

// newFile refuses a name under which nothing may be written in /configuration.
func newFile(a *Appliance, name string) error {
	if err := safefile.Name(name); err != nil {
		return shell.Fail("Invalid name: %v.", err)
	}
	if info, err := os.Lstat(filepath.Join(a.Files, name)); err == nil && !info.Mode().IsRegular() {
		return shell.Fail("Invalid name: %q exists and is not a plain file.", name)
	}
	return nil
}

// writeFile replaces an operator's file in /configuration. It is readable by its owner only, since it may hold a key.
func writeFile(a *Appliance, name string, data []byte) error {
	if err := newFile(a, name); err != nil {
		return err
	}
	if err := safefile.Write(filepath.Join(a.Files, name), data, 0o600); err != nil {
		return shell.Fail("Unable to write %q: %v.", name, reason(err))
	}
	return nil
}

// reason is err without the path on the host system, which is not the operator's business.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// fileNames are the plain files in /configuration, for completion.
func fileNames(a *Appliance) []string {
	entries, err := os.ReadDir(a.Files)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && safefile.Name(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names
}

// written says where an exported file is, in the words that scripts look for.
func written(s *shell.Session, a *Appliance, name string) {
	s.Printf("File written on machine \"%s\" to the location\n\"/configuration/%s\".\n", machine(a), name)
}

// machine is the appliance's name as its running configuration has it.
func machine(a *Appliance) string { return a.Config.Running().Config.Hostname }

// askFile asks for the name of a file in /configuration and reads it; an unusable answer is asked again.
func askFile(a *Appliance, s *shell.Session, text string) (name string, data []byte, err error) {
	name, err = s.Ask(shell.Question{
		Text: text, Required: true, Complete: func() []string { return fileNames(a) },
		Check: func(name string) (err error) { data, err = readFile(a, name); return err },
	})
	return name, data, err
}

// askNewFile asks for the name of a file to write.
func askNewFile(s *shell.Session, text string) (string, error) {
	return s.Ask(shell.Question{Text: text, Required: true, Check: func(name string) error {
		if err := safefile.Name(name); err != nil {
			return shell.Fail("Invalid name: %v.", err)
		}
		return nil
	}})
}
