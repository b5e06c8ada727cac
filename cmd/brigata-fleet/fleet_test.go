package main

import (
	"encoding/json"
	"testing"
	"time"
)

// TestNoDayBeginsInARound: a new business day changes counts, of which histories know nothing.
func TestNoDayBeginsInARound(t *testing.T) {
	var d struct {
		ID, Zone string
		Starts   string `json:"day_starts"`
	}
	if err := json.Unmarshal(document(3), &d); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(d.Zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("15:04", d.Starts, zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	wait := time.Duration(at.Hour()-now.Hour())*time.Hour + time.Duration(at.Minute()-now.Minute())*time.Minute
	if wait < 0 {
		wait += 24 * time.Hour
	}
	if d.ID != "demo-3" || wait < 11*time.Hour || wait > 13*time.Hour {
		t.Errorf("%s begins its day at %s, in %s", d.ID, d.Starts, wait)
	}
}
