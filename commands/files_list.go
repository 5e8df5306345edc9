package commands

import (
	"context"
	"io/fs"
	"strings"
	"time"

	"posthouse/internal/localtime"
	"posthouse/shell"
)

func files(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "files",
		Summary: "List the files in /configuration.",
		Batch:   []string{"files [PATTERN]"},
		Help: `Size in bytes, time of the last change, name. In PATTERN * stands for any characters and ? for one. Files come and go with scp
and sftp, with the commands that import and export, and with delete.`,
		Documents: []shell.Document{{For: "files", Value: filesDocument{}}},
		Roles:     shell.Readers | shell.Technician,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: files takes one pattern.", args[1])
			}
			list, err := filesLike(a, args)
			if err != nil {
				return err
			}
			return printFiles(s, list)
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, fileNames(a)) },
	}
}

// filesDocument is what files --json prints.
type filesDocument struct {
	Files []fileDocument `json:"files" doc:"in order of name"`
	Bytes int64          `json:"bytes" doc:"of all that are listed"`
}

type fileDocument struct {
	Name    string    `json:"name" doc:"in the folder configuration"`
	Size    int64     `json:"size" doc:"bytes"`
	Changed time.Time `json:"changed" doc:"when it was written"`
}

// filesLike are the files whose names match the pattern, where there is one.
func filesLike(a *Appliance, args []string) ([]fs.FileInfo, error) {
	list, err := configuration(a).List()
	if err != nil {
		return nil, shell.Fail("Unable to list /configuration: %w.", err)
	}
	if len(args) == 0 {
		return list, nil
	}
	var some []fs.FileInfo
	for _, info := range list {
		if like(strings.ToLower(args[0]), strings.ToLower(info.Name())) {
			some = append(some, info)
		}
	}
	return some, nil
}

// like says whether a name matches a pattern of * and ?.
func like(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, back := -1, 0
	i := 0
	for j := 0; j < len(n); {
		switch {
		case i < len(p) && p[i] == '*':
			star, back = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0:
			back++
			i, j = star+1, back
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

func printFiles(s *shell.Session, list []fs.FileInfo) error {
	doc := filesDocument{Files: []fileDocument{}}
	for _, info := range list {
		doc.Files = append(doc.Files, fileDocument{info.Name(), info.Size(), info.ModTime().Truncate(time.Second)})
		doc.Bytes += info.Size()
	}
	if s.JSON {
		return s.PrintJSON(doc)
	}
	for _, f := range doc.Files {
		s.Printf("%14s  %s  %s\n", thousands(f.Size), localtime.Of(f.Changed).Format(time.DateTime), f.Name)
	}
	if len(doc.Files) == 1 {
		s.Printf("1 file, %s bytes\n", thousands(doc.Bytes))
	} else {
		s.Printf("%d files, %s bytes\n", len(doc.Files), thousands(doc.Bytes))
	}
	return nil
}

func deleteFile(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "delete",
		Summary:   "Delete a file in /configuration.",
		Documents: []shell.Document{shell.Says("delete")},
		Batch:     []string{"delete FILE [-y|force]"},
		Help: `The file is gone for good. At a terminal delete asks before; with -y or force, in exec requests and in scripts it does not, as
deleterecipients does not where its words say everything. A name with blanks stands in double quotes.`,
		WholeWord: true,
		Roles:     shell.Operators,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			name, sure, err := fileToDelete(a, s, args)
			if err != nil || !sure {
				return err
			}
			if err := configuration(a).Remove(name); err != nil {
				return fileFault("delete", name, err)
			}
			s.Say("Deleted \"%s\".", name)
			return nil
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return startingWith(args, []string{"-y", "force"})
			}
			return startingWith(args, fileNames(a))
		},
	}
}

// fileToDelete is the file that is meant, and whether it is.
func fileToDelete(a *Appliance, s *shell.Session, args []string) (name string, sure bool, err error) {
	exists := func(name string) error {
		if _, err := configuration(a).Stat(name); err != nil {
			return fileFault("delete", name, err)
		}
		return nil
	}
	switch {
	case len(args) > 2 || len(args) == 2 && !isYes(args[1]) && !strings.EqualFold(args[1], "force"):
		return "", false, shell.Usage("Invalid word %q: delete takes a file's name, and -y or force.", args[len(args)-1])
	case len(args) == 0:
		name, err = s.Ask(shell.Question{Text: "Enter the name of the file to delete:", Required: true, Check: exists,
			Complete: func() []string { return fileNames(a) }})
	default:
		name, err = args[0], exists(args[0])
	}
	if err != nil || len(args) == 2 || len(args) == 1 && !s.Interactive() {
		return name, err == nil, err
	}
	sure, err = s.YesNo("Are you sure you want to delete \""+name+"\"?", false)
	return name, sure, err
}
