package commands

import (
	"slices"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/internal/openssl"
	"posthouse/shell"
)

// sslMethods are the lines of the question, in the order of config.TLSMethods.
var sslMethods = [...]struct{ title, name string }{
	{"1. TLS v1.0", "TLS v1.0"}, {"2. TLS v1.1", "TLS v1.1"}, {"3. TLS v1.2", "TLS v1.2"}, {"4. TLS v1.3", "TLS v1.3"},
}

// methodRange is versions as the prompt shows them: "3-4".
func methodRange(methods []string) string {
	if len(methods) == 0 {
		return ""
	}
	first := 1 + slices.Index(config.TLSMethods[:], methods[0])
	last := 1 + slices.Index(config.TLSMethods[:], methods[len(methods)-1])
	if first == last {
		return strconv.Itoa(first)
	}
	return strconv.Itoa(first) + "-" + strconv.Itoa(last)
}

// readMethods reads "3-4", "3,4", "3", or names such as tlsv1_2 and TLS v1.2, in any order.
func readMethods(answer string) ([]string, error) {
	chosen := [len(config.TLSMethods)]bool{}
	for part := range strings.FieldsFuncSeq(joinedTitles(answer), func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, isRange := strings.Cut(part, "-")
		first, last := methodNumber(from), methodNumber(to)
		if !isRange {
			last = first
		}
		if first < 0 || last < first {
			return nil, shell.Fail("Invalid ssl method %q: a number from 1 to 4 or a range of them such as 3-4 is accepted.", answer)
		}
		for i := first; i <= last; i++ {
			chosen[i] = true
		}
	}
	var methods []string
	for i, yes := range chosen {
		if yes {
			methods = append(methods, config.TLSMethods[i])
		}
	}
	if _, _, err := openssl.Versions(methods); err != nil {
		return nil, shell.Fail("Invalid ssl method %q: methods must be next to each other, such as 1-3 and not 1 and 3.", answer)
	}
	return methods, nil
}

// joinedTitles makes one word of "TLS v1.2".
func joinedTitles(answer string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(answer)), "tls v", "tlsv")
}

// methodNumber is the place of a version from 0, or -1.
func methodNumber(word string) int {
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(config.TLSMethods) {
		return n - 1
	}
	return slices.Index(config.TLSMethods[:], strings.ReplaceAll(word, ".", "_"))
}

func readCiphers(answer string) (*openssl.List, error) {
	list, err := openssl.Parse(answer)
	if err != nil {
		return nil, shell.Fail("Invalid ssl cipher %q: %v.", shortenedWord(answer), err)
	}
	return list, nil
}

// shortenedWord keeps a refusal readable.
func shortenedWord(word string) string {
	const most = 100
	if len(word) <= most {
		return word
	}
	return strings.ToValidUTF8(word[:most], "") + "..."
}

// note says what a setting does not do.
func (c *sslSettings) note(methods []string, list *openssl.List) {
	for _, note := range list.Notes {
		c.s.Say("Note: %s.", note)
	}
	if n := len(list.Unavailable); n > 0 {
		c.s.Say("Note: %d cipher suites that it chooses are not available; VERIFY names them.", n)
	}
	switch {
	case len(methods) == 1 && methods[0] == "tlsv1_3":
		c.s.Say("Note: with TLS v1.3 alone the ciphers have no effect: its suites are fixed.")
	case methods[0] == "tlsv1_0" || methods[0] == "tlsv1_1":
		c.s.Say("Note: TLS v1.0 and v1.1 protect badly; keep them only for peers that know nothing newer.")
	}
}

func (c *sslSettings) askVerify() error {
	ciphers, err := c.s.Ask(shell.Question{
		Text:     "Enter the ssl cipher you want to verify.",
		Required: true,
		Check:    func(answer string) error { _, err := readCiphers(answer); return err },
	})
	if err != nil {
		return err
	}
	return c.verify(ciphers)
}

// verify prints what a string leaves, as openssl ciphers -v does, and what of it cannot be had.
func (c *sslSettings) verify(ciphers string) error {
	list, err := readCiphers(ciphers)
	if err != nil {
		return err
	}
	if c.s.JSON {
		return c.s.PrintJSON(verifyDocument(ciphers, list))
	}
	for _, suite := range list.Entries {
		c.s.Println(suite)
	}
	for _, name := range list.Unavailable {
		suite, _ := openssl.Named(name)
		c.s.Printf("%s not available\n", suite)
	}
	for _, note := range list.Notes {
		c.s.Say("Note: %s.", note)
	}
	c.s.Printf("TLS v1.3 always has its own: %s\n", strings.Join(openssl.TLS13(), " "))
	return nil
}

// suiteJSON is one cipher suite for programs.
type suiteJSON struct {
	ID       uint16 `json:"id" doc:"of IANA"`
	Name     string `json:"name" doc:"OpenSSL's"`
	Protocol string `json:"protocol" doc:"the first version that has it"`
	Kx       string `json:"kx" doc:"key exchange"`
	Au       string `json:"au" doc:"authentication"`
	Enc      string `json:"enc" doc:"encryption"`
	Mac      string `json:"mac" doc:"authentication of records"`
	Strength string `json:"strength" doc:"HIGH, MEDIUM, LOW"`
}

type verifiedCiphersJSON struct {
	Ciphers     string      `json:"ciphers" doc:"the cipher string"`
	Suites      []suiteJSON `json:"suites" doc:"what it chooses, in order"`
	Unavailable []string    `json:"not_available" doc:"what it chooses and cannot be had"`
	Notes       []string    `json:"notes" doc:"what is remarkable"`
	TLS13       []string    `json:"tls1_3" doc:"the suites of TLS 1.3, which are always the same"`
}

func verifyDocument(ciphers string, list *openssl.List) verifiedCiphersJSON {
	document := verifiedCiphersJSON{Ciphers: ciphers, Suites: []suiteJSON{}, Unavailable: append([]string{}, list.Unavailable...), Notes: append([]string{}, list.Notes...), TLS13: openssl.TLS13()}
	for _, s := range list.Entries {
		document.Suites = append(document.Suites, suiteJSON{s.ID, s.Name, s.Protocol(), s.KeyExchange(), s.Authentication(), s.Encryption(), s.MAC(), s.Strength()})
	}
	return document
}
