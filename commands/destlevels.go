package commands

import (
	"slices"

	"posthouse/config"
	"posthouse/shell"
)

// tlsLevel is one answer to the TLS question of a destination control.
type tlsLevel struct {
	level        config.TLSLevel
	title, short string
}

// tlsLevels are in the order of the question.
var tlsLevels = [...]tlsLevel{
	{config.TLSNo, "No", "Off"},
	{config.TLSPrefer, "Preferred", "Pref"},
	{config.TLSRequire, "Required", "Req"},
	{config.TLSPreferVerify, "Preferred (Verify)", "Pref-V"},
	{config.TLSRequireVerify, "Required (Verify)", "Req-V"},
	{config.TLSRequireVerifyHosted, "Required (Verify Hosted Domains)", "Req-VH"},
}

func titlesOfTLS() []string {
	titles := make([]string, len(tlsLevels))
	for i, l := range tlsLevels {
		titles[i] = l.title
	}
	return titles
}

// shortTLS is the level as the tables show it.
func shortTLS(level config.TLSLevel) string {
	for _, l := range tlsLevels {
		if l.level == level {
			return l.short
		}
	}
	return "Default"
}

// longTLS is the level as the details show it.
func longTLS(level config.TLSLevel) string {
	for _, l := range tlsLevels {
		if l.level == level {
			return l.title
		}
	}
	return "Default"
}

// allowTLS refuses the level that delivery cannot keep.
func allowTLS(level config.TLSLevel) error {
	if level == config.TLSRequireVerifyHosted {
		return shell.Fail("Error: TLS %s is not available in this version.", longTLS(level))
	}
	return nil
}

// readTLS reads a level as batch forms name it; default is the level that is inherited.
func readTLS(word string) (config.TLSLevel, error) {
	words := []string{"default"}
	for _, l := range tlsLevels {
		words = append(words, string(l.level))
	}
	chosen, err := oneOf("TLS setting", word, words...)
	if err != nil || chosen == "default" {
		return config.TLSDefault, err
	}
	return config.TLSLevel(chosen), allowTLS(config.TLSLevel(chosen))
}

// daneLevels are in the order of the question, with the short form of the tables.
var daneLevels = [...]struct{ level, title, short string }{
	{"none", "None", "Off"},
	{"opportunistic", "Opportunistic", "Opp"},
	{"mandatory", "Mandatory", "Mand"},
}

func shortDANE(level string) string {
	for _, l := range daneLevels {
		if l.level == level {
			return l.short
		}
	}
	return "Default"
}

func longDANE(level string) string {
	for _, l := range daneLevels {
		if l.level == level {
			return l.title
		}
	}
	return "Default"
}

func allowDANE(level string) error {
	if level != "none" && level != "" {
		return shell.Fail("Error: DANE %s is not available in this version.", longDANE(level))
	}
	return nil
}

// readDANE reads a level as batch forms name it; default is the level that is inherited.
func readDANE(word string) (string, error) {
	level, err := oneOf("DANE setting", word, "default", "none", "opportunistic", "mandatory")
	if err != nil || level == "default" {
		return "", err
	}
	return level, allowDANE(level)
}

// ipSorts are in the order of the question.
var ipSorts = [...]struct{ word, title string }{
	{"prefer-v6", "Prefer IPv6"},
	{"require-v6", "Require IPv6"},
	{"prefer-v4", "Prefer IPv4"},
	{"require-v4", "Require IPv4"},
}

func longIPSort(word string) string {
	i := slices.IndexFunc(ipSorts[:], func(p struct{ word, title string }) bool { return p.word == word })
	if i < 0 {
		return "Default"
	}
	return ipSorts[i].title
}
