package cause

// Before TLS is spoken of at all.
const (
	N1 ID = "N1"
	N2 ID = "N2"
	N3 ID = "N3"
	N4 ID = "N4"
	N5 ID = "N5"
	N6 ID = "N6"
	N7 ID = "N7"
	N8 ID = "N8"
	N9 ID = "N9"
)

var connect = []Cause{
	{
		ID: N1, Step: StepConnect, Title: "no address for the destination",
		Fault:   "Theirs, or the address was mistyped: the DNS knows no such domain, no mail host of it, or says with a null MX that it takes no mail.",
		Helps:   "Check the recipient's domain; where the host is known but not in the DNS, enter an SMTP route for it.",
		Example: "partner.exmaple: the domain does not exist (NXDOMAIN).",
		Line:    "DCID 0 cause N1 for partner.example",
	},
	{
		ID: N2, Step: StepConnect, Title: "the DNS gives no usable answer",
		Fault:   "Ours or theirs: a nameserver fails or does not answer, or the answer's DNSSEC signatures are wrong.",
		Helps:   "Try nslookup here and elsewhere; check the nameservers in dnsconfig. Wrong signatures can only be repaired by the domain's owner. The mail waits.",
		Example: "MX of partner.example: SERVFAIL from 192.0.2.53.",
		Line:    "DCID 0 cause N2 for partner.example",
	},
	{
		ID: N3, Step: StepConnect, Title: "connection refused",
		Fault:   "Theirs: the host is up, but nothing listens on the port, or a firewall rejects us.",
		Helps:   "Try telnet to the host and port; check the route's port; ask the partner whether the service is up and admits our address.",
		Example: "192.0.2.31 port 25: connection refused.",
		Line:    "DCID 7 cause N3 for partner.example",
	},
	{
		ID: N4, Step: StepConnect, Title: "connection timed out",
		Fault:   "Somewhere between: a firewall drops the packets, ours or theirs, or the host is down.",
		Helps:   "Try telnet to the host and port; check whether outgoing port 25 is open for the delivery interface.",
		Example: "192.0.2.31 port 25: no answer within 30 seconds.",
		Line:    "DCID 7 cause N4 for partner.example",
	},
	{
		ID: N5, Step: StepConnect, Title: "connection closed before the banner",
		Fault:   "Theirs: the host accepts and hangs up at once, as an overloaded server, a load balancer without a server behind it or a block list does.",
		Helps:   "Try telnet; ask the partner whether our address is blocked there.",
		Example: "192.0.2.31 accepted the connection and reset it before any greeting.",
		Line:    "DCID 7 cause N5 for partner.example",
	},
	{
		ID: N6, Step: StepConnect, Title: "the banner refuses us",
		Fault:   "Theirs, and on purpose: the greeting is a 4xx or 5xx reply. Its text usually says why.",
		Helps:   "Read the reply's text; a 4xx passes by itself, a 5xx needs the partner to admit our address.",
		Example: "554 5.7.1 mail from 192.0.2.10 is refused here.",
		Line:    "DCID 7 cause N6 for partner.example",
	},
	{
		ID: N7, Step: StepConnect, Title: "no banner in time",
		Fault:   "Theirs: the connection stands but nothing is said, as with an overloaded server or a service that is not SMTP. A port for implicit TLS waits for us in the same way.",
		Helps:   "Check the port of the route; 465 speaks TLS at once and takes no STARTTLS.",
		Example: "192.0.2.31 port 465: connected, no greeting in 5 minutes.",
		Line:    "DCID 7 cause N7 for partner.example",
	},
	{
		ID: N8, Step: StepConnect, Title: "no route, or the interface to send from is missing",
		Fault:   "Ours: this machine cannot send to that network, or the delivery interface's address is not on it.",
		Helps:   "Check deliveryconfig, interfaceconfig and the machine's routes; a host that has only IPv6 needs IPv6 here.",
		Example: "2001:db8::25 port 25: network is unreachable.",
		Line:    "DCID 7 cause N8 for partner.example",
	},
	{
		ID: N9, Step: StepConnect, Title: "the best MX is this host itself",
		Fault:   "Ours or the domain's: its MX points here, but nothing says where its mail goes from here.",
		Helps:   "Enter an SMTP route for the domain, or correct its MX record.",
		Example: "partner.example: MX 10 is mail.example.com, which is this appliance.",
		Line:    "DCID 0 cause N9 for partner.example",
	},
}

// Between the greeting and the handshake.
const (
	S1 ID = "S1"
	S2 ID = "S2"
	S3 ID = "S3"
	S4 ID = "S4"
	S5 ID = "S5"
	S6 ID = "S6"
	S7 ID = "S7"
	S8 ID = "S8"
)

var starttls = []Cause{
	{
		ID: S1, Step: StepSTARTTLS, Title: "the peer does not speak ESMTP",
		Fault:   "Theirs: EHLO was refused, so there can be no STARTTLS; a very old server, or a firewall that rewrites SMTP.",
		Helps:   "Ask the partner to let EHLO pass through their firewall.",
		Example: "EHLO answered with 502 command not implemented.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S1]",
		Report:  reportNoSTARTTLS,
	},
	{
		ID: S2, Step: StepSTARTTLS, Title: "STARTTLS is not offered",
		Fault:   "Theirs: TLS is switched off there, for everybody or for our address.",
		Helps:   "They switch it on; until then only a setting that does not require TLS delivers.",
		Example: "EHLO answered with PIPELINING and SIZE, without STARTTLS.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S2]",
		Report:  reportNoSTARTTLS,
	},
	{
		ID: S3, Step: StepSTARTTLS, Title: "STARTTLS is offered but refused",
		Fault:   "Theirs: the server announces TLS and then cannot do it, often because its certificate or key cannot be loaded.",
		Helps:   "They look at their server's log; a 454 may pass by itself.",
		Example: "454 4.7.0 TLS not available due to a temporary reason.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S3]",
		Report:  reportNoSTARTTLS,
	},
	{
		ID: S4, Step: StepSTARTTLS, Title: "plain text around STARTTLS",
		Fault:   "Theirs, or somebody between: text was sent behind STARTTLS or its 220, before the handshake. That is an injection or a broken peer.",
		Helps:   "Nothing of it is processed and the connection is ended. The peer has to wait for the handshake; look for a device that meddles with SMTP.",
		Example: "220 ready, and in the same packet a further reply.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S4]",
		Report:  reportValidation,
	},
	{
		ID: S5, Step: StepSTARTTLS, Title: "STARTTLS was overwritten on the way",
		Fault:   "A firewall between, ours or theirs, inspects SMTP and masks what it does not want to see.",
		Helps:   "Switch SMTP inspection off there (it is known as fixup or inspect esmtp), or let it pass STARTTLS.",
		Example: "EHLO answered with 250-XXXXXXXA.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S5]",
		Report:  reportNoSTARTTLS,
	},
	{
		ID: S6, Step: StepSTARTTLS, Title: "TLS is required here and the remote host did not initiate it",
		Fault:   "Theirs: they sent mail without STARTTLS to a listener whose policy requires it, and were answered with 530.",
		Helps:   "They switch TLS on for sending, or the mail flow policy of their sender group only prefers TLS.",
		Example: "MAIL FROM answered with 530 5.7.0 Must issue a STARTTLS command first.",
		Line:    "ICID 5 TLS was required but remote host did not initiate it [S6]",
	},
	{
		ID: S7, Step: StepSTARTTLS, Title: "closed between STARTTLS and the handshake",
		Fault:   "Theirs or a firewall's: the connection ended where the reply to STARTTLS or the first byte of the handshake belonged.",
		Helps:   "They look at their server's log at that time; look for a device that cuts TLS off.",
		Example: "STARTTLS sent, then the connection was reset.",
		Line:    "DCID 7 TLS failed: STARTTLS unexpected response [S7]",
		Report:  reportNoSTARTTLS,
	},
	{
		ID: S8, Step: StepSTARTTLS, Title: "closed in answer to EHLO",
		Fault:   "Theirs: the server hangs up instead of answering EHLO.",
		Helps:   "They look at their server's log; check that our interface's host name, which EHLO says, is one they accept.",
		Example: "EHLO mail.example.com sent, then the connection was closed.",
		Line:    "DCID 7 cause S8 for partner.example",
	},
}
