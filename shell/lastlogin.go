package shell

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"posthouse/internal/safefile"
)

// dateLayout is how every screen writes a moment; UTC is called GMT there.
const dateLayout = "Mon Jan 02 15:04:05 2006 MST"

// lastLogin returns when and from where the user came last, for the banner, and notes this login in its place.
func (o *Options) lastLogin(id identity, now time.Time) string {
	const never = "Never"
	if o.State == "" || safefile.Name(id.user) != nil {
		return never
	}
	folder := filepath.Join(o.State, "lastlogin")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return never
	}
	path := filepath.Join(folder, id.user)
	before, err := os.ReadFile(path)
	line := strings.Replace(now.Format(dateLayout), " UTC", " GMT", 1) + " from " + id.remote
	if werr := safefile.Write(path, []byte(line+"\n"), 0o600); werr != nil {
		log(o.System, "The last login could not be noted: "+werr.Error())
	}
	if err != nil || checkText(strings.TrimSpace(string(before))) != nil {
		return never
	}
	return strings.TrimSpace(string(before))
}
