package docs

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"posthouse/commands"
	"posthouse/internal/cause"
	"posthouse/internal/safefile"
	"posthouse/shell"
)

var update = flag.Bool("update", false, "write the generated pages instead of comparing them")

// TestGenerated holds the pages that are made from the program's tables fresh. With -update it writes them.
func TestGenerated(t *testing.T) {
	for name, page := range map[string]string{"commands.md": commandPage(), "causes.md": causePage(), "json.md": jsonPage(), "smaquery.md": smaqueryPage()} {
		if *update {
			if err := safefile.Write(name, []byte(page), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		if old, err := os.ReadFile(name); err != nil || string(old) != page {
			t.Errorf("%s is not what the tables say (%v): run make docs", name, err)
		}
	}
}

// commandPage is the command reference.
func commandPage() string {
	var page strings.Builder
	page.WriteString("# Commands\n\nMade from the program's command table by `make docs`. At the prompt, `help NAME` prints the same.\n\n")
	table := slices.Clone(commands.Table(&commands.Appliance{}))
	slices.SortFunc(table, func(a, b *shell.Command) int { return strings.Compare(a.Name, b.Name) })
	page.WriteString("[roles.md](roles.md) says form by form who may run what.\n\n| command | what it does | needs commit | who may |\n| --- | --- | --- | --- |\n")
	for _, c := range table {
		commit := ""
		if c.Commit {
			commit = "yes"
		}
		fmt.Fprintf(&page, "| [%s](#%s) | %s | %s | %s |\n", c.Name, c.Name, cell(c.Summary), commit, whoMay(c))
	}
	for _, c := range table {
		writeCommand(&page, c)
	}
	return page.String()
}

func writeCommand(page *strings.Builder, c *shell.Command) {
	fmt.Fprintf(page, "\n## %s\n\n%s\n", c.Name, c.Summary)
	var notes []string
	if len(c.Aliases) > 0 {
		notes = append(notes, "Also: `"+strings.Join(c.Aliases, "`, `")+"`.")
	}
	if c.Commit {
		notes = append(notes, "Takes effect with `commit`.")
	}
	if c.WholeWord {
		notes = append(notes, "Needs its whole word.")
	}
	if c.TakesJSON() {
		notes = append(notes, "Takes `--json`.")
	}
	if len(notes) > 0 {
		fmt.Fprintf(page, "\n%s\n", strings.Join(notes, " "))
	}
	if len(c.Batch) > 0 {
		fmt.Fprintf(page, "\n    %s\n", strings.Join(c.Batch, "\n    "))
	}
	if c.Help != "" {
		fmt.Fprintf(page, "\n%s\n", strings.TrimSpace(c.Help))
	}
}

// literal is a line as it stands in a log.
func literal(line string) string {
	if line == "" {
		return ""
	}
	return "`" + cell(line) + "`"
}

// causePage is the catalogue of causes.
func causePage() string {
	var page strings.Builder
	page.WriteString("# Causes\n\nMade from the program's catalogue by `make docs`. The id stands in mail_logs, `tlsverify`, `showhosts`, `hoststatus`, `findevent`, bounces, alerts, delivery_logs, TLS reports and metrics; a search for it finds everything.\n\n" +
		"| id | step | what happened | whose fault, most likely | what helps | for example | in mail_logs | TLS-RPT |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range cause.All() {
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", c.ID, c.Step, cell(c.Title), cell(c.Fault), cell(c.Helps), cell(c.Example), literal(c.Line), c.Report)
	}
	return page.String()
}

// cell keeps a text within its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
