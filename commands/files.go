package commands

import (
	"errors"
	"io"
	"io/fs"

	"posthouse/internal/folder"
	"posthouse/internal/safefile"
	"posthouse/shell"
)

// maxFile is the largest file that an operator may have read by a command, in bytes.
const maxFile = 16 << 20

// configuration is the folder that operators call /configuration. Every file of theirs is read and written through it, and
// scp and sftp use the same functions.
func configuration(a *Appliance) *folder.Folder { return folder.New(a.Files, folder.Usual) }

// readFile reads an operator's file from /configuration. Only plain names and plain files are taken: no path, no link,
// nothing that could make the reader wait.
func readFile(a *Appliance, name string) ([]byte, error) {
	f, err := configuration(a).Open(name)
	if err != nil {
		return nil, fileFault("read", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fileFault("read", name, err)
	}
	if len(data) > maxFile {
		return nil, shell.Fail("Unable to read %q: it is larger than %s bytes.", name, thousands(maxFile))
	}
	return data, nil
}

// fileFault says why a file of /configuration cannot be read, written or deleted.
func fileFault(verb, name string, err error) error {
	if bad := safefile.Name(name); bad != nil {
		return shell.Fail("Invalid name: %w.", bad)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return shell.Fail("No such file %q in /configuration.%w", name, silent{err})
	case errors.Is(err, folder.ErrLink), errors.Is(err, folder.ErrNotPlain):
		return shell.Fail("Invalid name: %w.", err)
	case errors.Is(err, folder.ErrQuota):
		return shell.Fail("Unable to %s %w.", verb, err)
	}
	return shell.Fail("Unable to %s %q: %w.", verb, name, folder.Reason(err))
}

// silent is an error that errors.Is finds and nobody reads.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// newFile refuses a name under which nothing may be written in /configuration.
func newFile(a *Appliance, name string) error {
	if _, err := configuration(a).Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileFault("write", name, err)
	}
	return nil
}

// writeFile replaces an operator's file in /configuration. It is readable by its owner only, since it may hold a key.
func writeFile(a *Appliance, name string, data []byte) error {
	if err := configuration(a).Write(name, data); err != nil {
		return fileFault("write", name, err)
	}
	return nil
}

// reason is err without the path on the host system, which is not the operator's business.
func reason(err error) error { return folder.Reason(err) }

// fileNames are the plain files in /configuration, for completion.
func fileNames(a *Appliance) []string { return configuration(a).Names() }

// written says where an exported file is, in the words that scripts look for.
func written(s *shell.Session, a *Appliance, name string) {
	s.Say("File written on machine \"%s\" to the location\n\"/configuration/%s\".", machine(a), name)
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
