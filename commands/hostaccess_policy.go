package commands

import (
	"slices"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// numberMost is the largest number that a mail flow policy takes.
const numberMost = 1<<31 - 1

// inherited is what stands for a parameter that a policy takes from the table's default.
const inherited = "default"

// behaviors are in the order of the question.
var behaviors = [...]struct {
	title    string
	behavior config.Behavior
}{
	{"Accept", config.Accept}, {"Relay", config.Relay}, {"Reject", config.Reject},
	{"TCP Refuse", config.TCPRefuse}, {"Continue", config.Continue},
}

// parameter is the present value of a policy's parameter as the text form names it; empty where it is unset.
func parameter(p *config.PolicyParams, key string) string {
	for _, k := range p.Keys() {
		if k.Key == key {
			return k.Value
		}
	}
	return ""
}

// setParameter is config.ParsePolicyKey with an error for the operator.
func setParameter(p *config.PolicyParams, key, value string) error {
	if err := config.ParsePolicyKey(p, key, value); err != nil {
		return shell.Fail("Invalid policy parameter: %v.", err)
	}
	return nil
}

// askParameter asks for a parameter whose present value is the default.
func askParameter(s *shell.Session, p *config.PolicyParams, key, text, present string) error {
	answer, err := s.Ask(shell.Question{Text: text, Default: present, Required: true, Check: func(answer string) error {
		return setParameter(&config.PolicyParams{}, key, answer)
	}})
	if err != nil {
		return err
	}
	return setParameter(p, key, answer)
}

func (e *listenerEdit) askDefaults() error {
	p := e.table().Clone().Default
	if err := askPolicyDefault(e.s, &p); err != nil {
		return err
	}
	return e.changeTable(func(t *config.HostAccess) error { t.Default = p; return nil })
}

// askPolicyDefault asks for everything that the table's default says; p is filled answer by answer.
func askPolicyDefault(s *shell.Session, p *config.PolicyParams) error {
	table := config.HostAccess{Default: *p}
	*p = table.Effective(config.PolicyParams{})
	return inOrder(
		func() error {
			return askParameter(s, p, "max_message_size", "Enter the default maximum message size. Add a trailing k for kilobytes, M for megabytes, or no letter for bytes.",
				config.FormatSize(*p.MaxMessageSize))
		},
		func() error {
			return askParameter(s, p, "max_concurrency", "Enter the maximum number of concurrent connections allowed from a single IP address.",
				strconv.Itoa(*p.MaxConcurrency))
		},
		func() error {
			return askParameter(s, p, "max_msgs_per_session", "Enter the maximum number of messages per connection.", strconv.Itoa(*p.MaxMessages))
		},
		func() error {
			return askParameter(s, p, "max_rcpts_per_msg", "Enter the maximum number of recipients per message.", strconv.Itoa(*p.MaxRecipients))
		},
		func() error { return askPolicyTexts(s, p) },
		func() error { return askHourly(s, p) },
		func() error { return askScanning(s, p) },
		func() error { return askPolicyTLS(s, p, "No", "Preferred", "Required") },
	)
}

// askPolicyTexts asks for what the peer reads instead of the usual words.
func askPolicyTexts(s *shell.Session, p *config.PolicyParams) error {
	return inOrder(
		func() error {
			return askOverride(s, p, "banner_host", "Do you want to override the hostname in the SMTP banner?", "Enter the hostname to use in the SMTP banner.")
		},
		func() error {
			return askOverride(s, p, "accept_text", "Would you like to specify a custom SMTP acceptance response?", "Enter the text of the acceptance response.")
		},
		func() error {
			return askOverride(s, p, "reject_text", "Would you like to specify a custom SMTP rejection response?", "Enter the text of the rejection response.")
		},
	)
}

func askOverride(s *shell.Session, p *config.PolicyParams, key, question, text string) error {
	present := parameter(p, key)
	override, err := s.YesNo(question, present != "")
	if err != nil {
		return err
	}
	if !override {
		return setParameter(p, key, inherited)
	}
	return askParameter(s, p, key, text, present)
}

func askHourly(s *shell.Session, p *config.PolicyParams) error {
	present := ""
	if *p.MaxRecipientsPerHour > 0 {
		present = strconv.Itoa(*p.MaxRecipientsPerHour)
	}
	limit, err := s.YesNo("Do you want to enable rate limiting per host?", present != "")
	if err != nil {
		return err
	}
	if !limit {
		return setParameter(p, "max_rcpts_per_hour", "-1")
	}
	return askParameter(s, p, "max_rcpts_per_hour", "Enter the maximum number of recipients per hour from a remote host.", present)
}

// askScanning keeps the answers to three questions that nothing acts on yet. Unset means yes, so that answering with
// the defaults leaves the table as it is.
func askScanning(s *shell.Session, p *config.PolicyParams) error {
	for _, q := range []struct{ key, text string }{
		{"use_sb", "Would you like to use SenderBase for flow control by default?"},
		{"spam_check", "Would you like to enable anti-spam scanning?"},
		{"virus_check", "Would you like to enable anti-virus scanning?"},
	} {
		present := !strings.EqualFold(p.Extra[q.key], "off")
		answer, err := s.YesNo(q.text, present)
		if err != nil {
			return err
		}
		if answer == present {
			continue
		}
		if err := setParameter(p, q.key, onOff(answer)); err != nil {
			return err
		}
	}
	s.Say("SenderBase, anti-spam and anti-virus scanning are not available in this version; the answers are kept.")
	return nil
}

// askPolicyTLS asks for TLS under the titles of off, preferred, required and, where there is a fourth, the table's default.
func askPolicyTLS(s *shell.Session, p *config.PolicyParams, titles ...string) error {
	modes := []config.TLSMode{config.TLSOff, config.TLSPreferred, config.TLSRequired, ""}[:len(titles)]
	n, err := s.Choose("Do you want to allow encrypted TLS connections?", titles, 1+max(0, slices.Index(modes, p.TLS)))
	if err != nil {
		return err
	}
	if p.TLS = modes[n-1]; p.TLS != config.TLSPreferred && p.TLS != config.TLSRequired {
		return nil
	}
	s.Say("You have chosen to enable TLS. Please use the 'certconfig' command to ensure that there is a valid certificate configured.")
	present := p.TLSVerify != nil && *p.TLSVerify
	verify, err := s.YesNo("Do you want to verify client certificates?", present)
	if verify != present {
		p.TLSVerify = &verify
	}
	return err
}

func (e *listenerEdit) newPolicy() error {
	t := e.table()
	name, err := e.s.Ask(shell.Question{
		Text: "Enter a name for this policy.", Required: true,
		Check: func(word string) error {
			name, err := newPolicyName(t, word)
			if err != nil {
				return err
			}
			return e.acceptableTable(func(t *config.HostAccess) {
				t.Policies = inMap(t.Policies, name, &config.Policy{Behavior: config.Accept})
			})
		},
	})
	if err != nil {
		return err
	}
	policy := &config.Policy{Behavior: config.Accept}
	if err := e.askPolicy(policy); err != nil {
		return err
	}
	return e.addPolicy(name, policy)
}

// newPolicyName returns the name as it is stored.
func newPolicyName(t *config.HostAccess, word string) (string, error) {
	name := strings.ToUpper(strings.TrimPrefix(word, "$"))
	if t.Policies[name] != nil {
		return "", shell.Fail("Invalid name %q: policy %q exists already.", word, name)
	}
	return name, nil
}

func (e *listenerEdit) addPolicy(word string, policy *config.Policy) error {
	return e.changeTable(func(t *config.HostAccess) error {
		name, err := newPolicyName(t, word)
		if err != nil {
			return err
		}
		t.Policies = inMap(t.Policies, name, policy)
		return nil
	})
}

func (e *listenerEdit) choosePolicy(text string) (string, error) {
	names := e.table().PolicyNames()
	if len(names) == 0 {
		return "", shell.Fail("Error: there is no policy.")
	}
	n, err := e.s.Pick(shell.Choice{Options: names, Question: text})
	if err != nil {
		return "", err
	}
	return names[n-1], nil
}

func (e *listenerEdit) editPolicy() error {
	name, err := e.choosePolicy("Enter or select the policy to edit.")
	if err != nil {
		return err
	}
	policy := e.table().Clone().Policies[name]
	if err := e.askPolicy(policy); err != nil {
		return err
	}
	return e.changeTable(func(t *config.HostAccess) error { t.Policies[name] = policy; return nil })
}

// askPolicy asks for what a policy does and, where that matters, for its parameters. Each answer may be "default".
func (e *listenerEdit) askPolicy(policy *config.Policy) error {
	titles := make([]string, len(behaviors))
	present := 1
	for i, b := range behaviors {
		titles[i] = b.title
		if b.behavior == policy.Behavior {
			present = i + 1
		}
	}
	n, err := e.s.Choose("Select a behavior for this policy.", titles, present)
	if err != nil {
		return err
	}
	policy.Behavior = behaviors[n-1].behavior
	switch policy.Behavior {
	case config.Accept, config.Relay:
		return e.askLimitsOf(&policy.Params)
	case config.Reject:
		return askOverride(e.s, &policy.Params, "reject_text", "Would you like to specify a custom SMTP rejection response?", "Enter the text of the rejection response.")
	}
	return nil
}

// askLimitsOf asks in the order of the table's default.
func (e *listenerEdit) askLimitsOf(p *config.PolicyParams) error {
	e.s.Say("Enter \"default\" for what shall come from the table's default.")
	return inOrder(
		func() error { return e.askInherited(p, limitQuestions[:]) },
		func() error { return askPolicyTexts(e.s, p) },
		func() error { return e.askInherited(p, hourlyQuestions[:]) },
		func() error { return askPolicyTLS(e.s, p, "No", "Preferred", "Required", "Default") },
	)
}

// policyQuestion asks for one parameter of a policy.
type policyQuestion struct{ key, text string }

// The questions about a policy's limits: those before the texts, and those behind them.
var (
	limitQuestions = [...]policyQuestion{
		{"max_message_size", "Enter the maximum message size. Add a trailing k for kilobytes, M for megabytes, or no letter for bytes."},
		{"max_concurrency", "Enter the maximum number of concurrent connections allowed from a single IP address."},
		{"max_msgs_per_session", "Enter the maximum number of messages per connection."},
		{"max_rcpts_per_msg", "Enter the maximum number of recipients per message."},
	}
	hourlyQuestions = [...]policyQuestion{
		{"max_rcpts_per_hour", "Enter the maximum number of recipients per hour from a remote host, or -1 for no limit."},
	}
)

// askInherited asks for parameters, each of which may be "default".
func (e *listenerEdit) askInherited(p *config.PolicyParams, questions []policyQuestion) error {
	for _, q := range questions {
		present := parameter(p, q.key)
		if present == "" {
			present = inherited
		}
		if err := askParameter(e.s, p, q.key, q.text, present); err != nil {
			return err
		}
	}
	return nil
}

func (e *listenerEdit) deletePolicy() error {
	name, err := e.choosePolicy("Enter or select the policy to delete.")
	if err != nil {
		return err
	}
	return e.removePolicy(name)
}

func (e *listenerEdit) removePolicy(word string) error {
	return e.changeTable(func(t *config.HostAccess) error {
		name, err := policyNamed(t, word)
		if err != nil {
			return err
		}
		for i := range t.Groups {
			if t.Groups[i].Inline == nil && t.Groups[i].Policy == name {
				return shell.Fail("Error: Policy \"%s\" is used by sender group %s.", name, groupLabel(&t.Groups[i]))
			}
		}
		delete(t.Policies, name)
		return nil
	})
}
