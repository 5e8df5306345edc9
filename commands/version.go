package commands

import (
	"context"
	"runtime"
	"time"

	"posthouse/internal/localtime"
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
		Documents: []shell.Document{
			{For: "version", Value: versionDocument{}},
		},
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
			s.Printf("Install Date: %s\n", localtime.In(a.About.InstallDate).Format(time.DateTime))
			s.Printf("Serial #: %s\n", a.About.Serial)
			s.Printf("CPUs: %d expected, %d allocated\n", cpus, cpus)
			s.Printf("Memory: %d MB expected, %d MB allocated\n", memory, memory)
			return nil
		},
	}
}

type versionDocument struct {
	Product     string    `json:"product" doc:"the product's name"`
	Model       string    `json:"model" doc:"P100V"`
	Version     string    `json:"version" doc:"with the build behind a hyphen"`
	BuildDate   string    `json:"build_date" doc:"a day, YYYY-MM-DD"`
	InstallDate time.Time `json:"install_date" doc:"of the first start"`
	Serial      string    `json:"serial" doc:"of this installation"`
	CPUs        int       `json:"cpus" doc:"how many"`
	Memory      int64     `json:"memory_bytes" doc:"bytes"`
}

func versionJSON(about About, cpus int, megabytes int64) versionDocument {
	return versionDocument{productName, modelName, about.Version, about.BuildDate, about.InstallDate, about.Serial, cpus, megabytes << 20}
}
