package commands

import (
	"context"
	"runtime"
	"time"

	"posthouse/shell"
)

const (
	productName = "Posthouse Email Gateway"
	modelName   = "P100V"
)

func version(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "version",
		Summary: "Show the version, the serial number and what the machine has.",
		Roles:   shell.Everyone,
		Batch:   []string{"version"},
		JSON:    true,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("version", args); err != nil {
				return err
			}
			cpus, memory := runtime.NumCPU(), memoryMegabytes()
			if s.JSON {
				return s.PrintJSON(versionJSON(a.About, cpus, memory))
			}
			s.Printf("Current Version\n===============\n")
			s.Printf("Product: %s\nModel: %s\nVersion: %s\n", productName, modelName, a.About.Version)
			s.Printf("Build Date: %s\n", a.About.BuildDate)
			s.Printf("Install Date: %s\n", a.About.InstallDate.Format(time.DateTime))
			s.Printf("Serial #: %s\n", a.About.Serial)
			s.Printf("CPUs: %d expected, %d allocated\n", cpus, cpus)
			s.Printf("Memory: %d MB expected, %d MB allocated\n", memory, memory)
			return nil
		},
	}
}

func versionJSON(about About, cpus int, megabytes int64) any {
	return struct {
		Product     string    `json:"product"`
		Model       string    `json:"model"`
		Version     string    `json:"version"`
		BuildDate   string    `json:"build_date"`
		InstallDate time.Time `json:"install_date"`
		Serial      string    `json:"serial"`
		CPUs        int       `json:"cpus"`
		Memory      int64     `json:"memory_bytes"`
	}{productName, modelName, about.Version, about.BuildDate, about.InstallDate, about.Serial, cpus, megabytes << 20}
}
