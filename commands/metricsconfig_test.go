package commands

import "testing"

func TestMetricsConfig(t *testing.T) {
	b := newBench(t)
	contains(t, b.script(0, "metricsconfig", "127.0.0.1:9090", "metricsconfig", "", "commit -y", "exit"), "Metrics are not served.\n", `
Enter the ADDRESS:PORT at which metrics are served, or off.
[off]> `, "Metrics are served at http://127.0.0.1:9090/metrics.\n", "[127.0.0.1:9090]> ", "Changes committed")
	contains(t, b.exec(0, "metricsconfig --json", ""), `"address": "127.0.0.1:9090"`)
	contains(t, b.exec(0, "metricsconfig [::]:9090; commit -y", ""), "without encryption and without a password")
	b.exec(0, "metricsconfig off; commit -y", "")
	if address := b.running().Metrics.Address; address != "" {
		t.Errorf("after off: %q", address)
	}
	for line, want := range map[string]string{
		"metricsconfig 9090":           `Invalid address "9090": ADDRESS:PORT such as 127.0.0.1:9090, or off`,
		"metricsconfig localhost:9090": `"localhost:9090"`,
		"metricsconfig off now":        `"now"`,
	} {
		b.fails(line, "", want)
	}
}
