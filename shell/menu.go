package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Menu is a loop of operations on one thing.
type Menu struct {
	State func()     // prints the present state above the menu; may be nil
	Items []MenuItem // in the order in which they are listed
	Text  string     // the line above the list; empty: "Choose the operation you want to perform:"
	Tight bool       // no empty line between the state and the list
}

// MenuItem is one operation of a menu.
type MenuItem struct {
	Keyword string // in capitals, as it is listed; any unambiguous beginning is accepted in any case
	What    string // what it does; an item without it is accepted but not listed
	Do      func(ctx context.Context) error
	Hidden  func() bool // says that the item is not there now; may be nil
}

const menuText = "Choose the operation you want to perform:"

// Menu shows m and does what is chosen until an empty line is entered. At a terminal an operation that fails is
// reported and the menu comes again, with the candidate as it was before the operation; otherwise the failure is the menu's.
func (s *Session) Menu(m Menu) error {
	for {
		if m.State != nil {
			s.scr.fresh()
			m.State()
		}
		items := m.present()
		item, err := s.menuChoice(m, items)
		if err != nil || item == nil {
			return err
		}
		if err := s.menuDo(item); err != nil {
			return err
		}
	}
}

// menuChoice asks for an operation; nil means that the menu is left.
func (s *Session) menuChoice(m Menu, items []MenuItem) (*MenuItem, error) {
	words := make([]string, len(items))
	for i, it := range items {
		words[i] = it.Keyword
	}
	var chosen *MenuItem
	again := true
	for again {
		again = false
		_, err := s.retry(m.list(items), "[]> ", func(string) []string { return words }, func(answer string) (string, error) {
			if answer == askHelp {
				again = true
				return "", nil
			}
			if answer == "" {
				return "", nil
			}
			i, _ := matchWord(answer, words)
			if i < 0 {
				return "", fmt.Errorf("enter %s, or an empty line to leave.", orList(listed(items)))
			}
			chosen = &items[i]
			return "", nil
		})
		if err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// menuDo does one operation on a candidate that is put back if it fails.
func (s *Session) menuDo(item *MenuItem) error {
	saved := s.saveCandidate()
	err := item.Do(s.ctx)
	if err == nil || errors.Is(err, ErrEnough) {
		return nil
	}
	s.cand = saved
	var f *failure
	givesUp := errors.As(err, &f) && f.tried
	if s.way != terminal || givesUp || s.ctx.Err() != nil || ends(err) {
		return err
	}
	if text := message(err); text != "" {
		s.say(text)
	}
	return nil
}

// ends says that err ends more than an operation.
func ends(err error) bool {
	for _, e := range []error{ErrInterrupted, ErrExit, errGone, errIdle, errClosing, context.Canceled} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// present leaves out the items that are not there now.
func (m Menu) present() []MenuItem {
	var items []MenuItem
	for _, it := range m.Items {
		if it.Hidden == nil || !it.Hidden() {
			items = append(items, it)
		}
	}
	return items
}

// list is the text of the menu.
func (m Menu) list(items []MenuItem) string {
	var b strings.Builder
	if !m.Tight {
		b.WriteString("\n")
	}
	if m.Text == "" {
		m.Text = menuText
	}
	b.WriteString(m.Text)
	for _, it := range items {
		if it.What != "" {
			fmt.Fprintf(&b, "\n- %s - %s", it.Keyword, it.What)
		}
	}
	return b.String()
}

func listed(items []MenuItem) []string {
	var words []string
	for _, it := range items {
		if it.What != "" {
			words = append(words, it.Keyword)
		}
	}
	return words
}

// orList joins words with commas and an "or".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
