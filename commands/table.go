package commands

import (
	"cmp"
	"slices"

	"posthouse/shell"
)

// Table is everything that an operator can type, in order of name.
func Table(a *Appliance) []*shell.Command {
	table := append(withCauses(shell.Builtins()),
		alertConfig(a),
		archiveMessage(a),
		bounceConfig(a),
		bounceRecipients(a),
		certConfig(a),
		clearChanges(a),
		commit(a),
		commitDetail(a),
		deleteRecipients(a),
		deliverNow(a),
		deliveryConfig(a),
		destConfig(a),
		displayAlerts(a.Alerts),
		dnsConfig(a),
		dnsFlush(a),
		dnsStatus(a),
		findEvent(a),
		grep(a),
		hostRate(a),
		hostStatus(a),
		interfaceConfig(a),
		listenerConfig(a),
		metricsConfig(a),
		nsLookup(a),
		oldMessage(a),
		passphrase(a),
		rate(a),
		resetCounters(a),
		redirectRecipients(a),
		removeMessage(a),
		resume(a),
		resumeDel(a),
		resumeListener(a),
		rollbackConfig(a),
		setHostname(a),
		showChanges(a),
		showHosts(a),
		showMessage(a),
		showRecipients(a),
		smtpRoutes(a),
		sslConfig(a),
		status(a),
		suspend(a),
		suspendDel(a),
		suspendListener(a),
		tail(a),
		telnet(a),
		tlsReport(a, a.Reports),
		tlsReportConfig(a),
		tlsVerify(a),
		topHosts(a),
		topIn(a),
		version(a),
		webSecurityConfig(a),
		who(a),
		whoAmI(a),
		workQueue(a),
	)
	slices.SortFunc(table, func(x, y *shell.Command) int { return cmp.Compare(x.Name, y.Name) })
	return table
}
