// Package shell is the operators' way in: the SSH server, the sessions, line editing, completion, paging, pipes, and the
// few primitives with which a command asks its questions. It knows nothing of mail and imports of ours only config and leaves.
package shell

import "context"

// Command is one entry of the command table.
type Command struct {
	Name    string   // in lower case
	Aliases []string // whole words, such as quit for exit
	Summary string   // one line for the list that help prints
	Batch   []string // the batch forms, one a line, as help NAME prints them
	Help    string   // paragraphs for help NAME and the command reference; empty: Summary says it all

	Commit    bool // changes the candidate: needs commit
	WholeWord bool // deletes, suspends, resets or stops: no abbreviation at the main prompt

	// Documents are the documents that --json prints, one for each form that has its own; another form prints Said. A command
	// with any takes --json: the shell removes the word and sets Session.JSON.
	Documents []Document

	// Roles may run the command; administrators always may. RolesFor, where it is set, says it for the words behind the
	// command instead: args has no --json in it and is not to be changed.
	Roles    Roles
	RolesFor func(args []string) Roles

	// Run does the command's work. It returns nil, an error made by Fail or Usage, ErrInterrupted, or any other error,
	// which is shown as "Error: ...". Whatever it returns but nil, the session's candidate is what it was before.
	Run func(ctx context.Context, s *Session, args []string) error

	// Redact returns args with every secret among them replaced by "...", for cli_logs; nil: no argument is ever a secret.
	Redact func(args []string) []string

	// Complete proposes words for the last of args; nil: none.
	Complete func(s *Session, args []string) []string
}
