package main

import (
	"context"
	"fmt"
	"time"

	"posthouse/config"
	"posthouse/internal/localtime"
)

// setZone makes a zone that of this process, before anything in it works. time.Local is for whatever does not ask localtime, such as the
// fields of mail; later, others would read that variable at the same time.
func setZone(name string) error {
	zone, err := loadZone(name)
	if err != nil {
		return err
	}
	time.Local = zone
	localtime.Set(zone)
	return nil
}

func loadZone(name string) (*time.Location, error) {
	zone, err := localtime.Load(name)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	return zone, nil
}

// clocks has logs and screens go by the configuration's zone.
type clocks struct{}

// Prepare is config.Applier's.
func (clocks) Prepare(_ context.Context, _, next *config.Config) (config.Prepared, error) {
	zone, err := loadZone(next.TimeZone)
	if err != nil {
		return nil, err
	}
	return inZone{zone}, nil
}

// inZone is a zone that is about to be in force.
type inZone struct{ zone *time.Location }

// Commit and Abort are config.Prepared's.
func (z inZone) Commit() { localtime.Set(z.zone) }
func (inZone) Abort()    {}
