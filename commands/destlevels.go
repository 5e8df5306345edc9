package commands

import (
	"slices"

	"posthouse/config"
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
	return config.TLSLevel(chosen), nil
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

// readDANE reads a level as batch forms name it; default is the level that is inherited.
func readDANE(word string) (string, error) {
	level, err := oneOf("DANE setting", word, "default", "none", "opportunistic", "mandatory")
	if err != nil || level == "default" {
		return "", err
	}
	return level, nil
}

// longSwitch is a setting that is on, off or inherited, as the details show it.
func longSwitch(value string) string {
	switch value {
	case "on":
		return "On"
	case "off":
		return "Off"
	}
	return "Default"
}

// readSwitch reads on or off; default is the value that is inherited.
func readSwitch(what, word string) (string, error) {
	value, err := oneOf(what, word, "default", "on", "off")
	if err != nil || value == "default" {
		return "", err
	}
	return value, nil
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
