package shell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Document describes one JSON document that a command prints. docs/json.md is made from it.
type Document struct {
	For   string // the form of the command that prints it, such as "destconfig list"
	Value any    // a value of the type that is printed; its fields' json names are the contract, their doc tags the meaning
	Lines bool   // one document a line, as many as there are, and not a single one over several lines
}

// Said is the document of a form that has none of its own, such as one that changes a setting: what it says to people.
type Said struct {
	Messages []string `json:"messages" doc:"what the command says to people, a line each; often none"`
}

// Says is the document of forms that only do something.
func Says(forms string) Document { return Document{For: forms, Value: Said{}} }

// TakesJSON says whether the command knows --json.
func (c *Command) TakesJSON() bool { return len(c.Documents) > 0 }

// saidMost bounds what is kept of the words for people beside a document, in bytes; what comes later is not kept.
const saidMost = 1 << 20

// reply is what a command that was asked for a document has made of it so far. The session's mu guards it.
type reply struct {
	cmd   *Command
	made  bool         // a document was printed
	words bytes.Buffer // what was said to people
}

// PrintJSON prints v, whose type is that of one of the command's documents, indented by two blanks.
func (s *Session) PrintJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return s.printDocument(v, b)
}

// PrintJSONLines prints values of one type, each as one document on one line, in a single write.
func PrintJSONLines[T any](s *Session, documents []T) error {
	if len(documents) == 0 {
		return nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, v := range documents {
		if err := encoder.Encode(v); err != nil {
			return err
		}
	}
	w, err := s.DocumentWriter(documents[0])
	if err != nil {
		return err
	}
	_, err = w.Write(text.Bytes())
	return err
}

func (s *Session) printDocument(v any, text []byte) error {
	w, err := s.DocumentWriter(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// DocumentWriter is where a command writes a document of v's type by itself: one that may not fit into memory.
func (s *Session) DocumentWriter(v any) (io.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reply.cmd.declares(v); err != nil {
		return nil, err
	}
	s.reply.made = true
	return documentWriter{s}, nil
}

// documentWriter lets a document past the words for people.
type documentWriter struct{ s *Session }

func (w documentWriter) Write(b []byte) (int, error) {
	if w.s.ctx.Err() != nil {
		return 0, ErrInterrupted
	}
	return w.s.stdout.Write(b)
}

// declares says whether v is of a type that the command promises: what is printed and what is documented are one.
func (c *Command) declares(v any) error {
	if c == nil || len(c.Documents) == 0 {
		return nil
	}
	printed := bare(v)
	for _, d := range c.Documents {
		if bare(d.Value) == printed {
			return nil
		}
	}
	return fmt.Errorf("the command %s prints a document of the type %v, which is none of its own", c.Name, printed)
}

// bare is the type of v behind pointers.
func bare(v any) reflect.Type {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// beginReply forgets the document and the words of the command before.
func (s *Session) beginReply(cmd *Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply{cmd: cmd}
}

// endReply prints the words of a command that had no other document, where one was asked for.
func (s *Session) endReply(err error) error {
	s.mu.Lock()
	made, words := s.reply.made, s.reply.words.String()
	s.mu.Unlock()
	if err != nil || !s.JSON || made {
		return err
	}
	document := Said{Messages: []string{}}
	for line := range strings.Lines(words) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			document.Messages = append(document.Messages, line)
		}
	}
	b, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	_, err = documentWriter{s}.Write(append(b, '\n'))
	return err
}

// keepWords keeps what is said to people while a document is wanted.
func (s *Session) keepWords(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reply.words.Len() < saidMost {
		s.reply.words.Write(b)
	}
}

// showWords shows what was said so far before a question: whoever answers has to see it.
func (s *Session) showWords() {
	if !s.JSON || s.way == exec {
		return
	}
	s.mu.Lock()
	words := bytes.Clone(s.reply.words.Bytes())
	s.reply.words.Reset()
	s.mu.Unlock()
	s.scr.Write(words)
}
