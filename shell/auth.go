package shell

// The ways in which an identity is proven.
const (
	methodPassword    = "password"
	methodInteractive = "keyboard-interactive"
	methodKey         = "publickey"
	methodConsole     = "console" // the machine's owner, through the unix socket
)
