package commands

import (
	"context"
	"time"

	"posthouse/internal/localtime"
	"posthouse/shell"
)

func date(*Appliance) *shell.Command {
	return &shell.Command{
		Name:      "date",
		Summary:   "Show the date and the time.",
		Batch:     []string{"date"},
		Help:      "In the time zone of logs and screens, see settz. The clock belongs to the host system and is set there, see ntpconfig.",
		Documents: []shell.Document{{For: "date", Value: dateDocument{}}},
		Roles:     shell.Everyone,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return shell.Usage("Unable to set the clock: it belongs to the host system; set it there with timedatectl set-time, or let it follow a time server.")
			}
			now := localtime.Now()
			if s.JSON {
				return s.PrintJSON(dateDocument{now, now.Location().String(), now.Format("MST")})
			}
			s.Println(stamp(now))
			return nil
		},
	}
}

// dateDocument is what date --json prints.
type dateDocument struct {
	Time     time.Time `json:"time" doc:"now"`
	TimeZone string    `json:"time_zone" doc:"Local is the host's"`
	Short    string    `json:"abbreviation" doc:"of the zone at this time, such as CEST"`
}
