package terminal

import (
	"context"
	"fmt"
	"strings"
)

// Ack says that an alert has been seen: brigata sensors ack walkin-1.
type Ack struct {
	Options
	Sensor string `arg:"" help:"The sensor."`
}

// Run acknowledges.
func (a *Ack) Run(ctx context.Context) error {
	return reply(ctx, a.Options, "alert.ack", map[string]any{"sensor": a.Sensor})
}

// Calibrate sets what is added to a sensor's values.
type Calibrate struct {
	Options
	Sensor string  `arg:"" help:"The sensor."`
	Offset float64 `arg:"" help:"Added to every value, in the sensor's unit."`
}

// Run calibrates.
func (c *Calibrate) Run(ctx context.Context) error {
	return reply(ctx, c.Options, "sensor.calibrate", map[string]any{"sensor": c.Sensor, "offset": c.Offset})
}

// AssignWork gives a work order to somebody.
type AssignWork struct {
	Options
	WorkOrder string `arg:"" help:"The work order's id."`
	To        string `arg:"" help:"The user."`
}

// Run assigns.
func (a *AssignWork) Run(ctx context.Context) error {
	return reply(ctx, a.Options, "workorder.assign", map[string]any{"workorder": a.WorkOrder, "to": a.To})
}

// FinishWork closes a work order.
type FinishWork struct {
	Options
	WorkOrder string `arg:"" help:"The work order's id."`
	What      string `arg:"" help:"What was done."`
	Decision  string `help:"About food that is held: keep or discard."`
	Finding   string `help:"About a fault that was predicted: confirmed or false_alarm."`
}

// Run finishes.
func (f *FinishWork) Run(ctx context.Context) error {
	d := map[string]any{"workorder": f.WorkOrder, "what": f.What}
	if f.Decision != "" {
		d["decision"] = f.Decision
	}
	if f.Finding != "" {
		d["finding"] = f.Finding
	}
	return reply(ctx, f.Options, "workorder.done", d)
}

// reply sends a command about a sensor and prints where that leaves it.
func reply(ctx context.Context, o Options, name string, d map[string]any) error {
	return with(ctx, o, func(s *session) error {
		var r struct {
			Sensor    string   `json:"sensor"`
			WorkOrder string   `json:"workorder"`
			State     string   `json:"state"`
			Offset    *float64 `json:"offset"`
		}
		err := s.command(ctx, name, d, false, &r)
		if err != nil || o.JSON {
			return err
		}
		if r.Offset != nil {
			fmt.Fprintf(s.out, "%s  offset %+.2f\n", r.Sensor, *r.Offset)
			return nil
		}
		fmt.Fprintf(s.out, "%s  %s\n", r.Sensor+r.WorkOrder, words(r.State))
		return nil
	})
}

type probe struct {
	ID      string `json:"id"`
	Name    text   `json:"name"`
	State   string `json:"state"`
	Health  string `json:"health"`
	Reading *struct {
		Value float64 `json:"value"`
		Unit  string  `json:"unit"`
		At    string  `json:"at"`
	} `json:"reading"`
	Suppressed string `json:"suppressed"`
	Why        string `json:"why"`
	HoldAt     string `json:"hold_at"`
	WorkOrder  string `json:"workorder"`
}

func (p probe) String() string {
	s := fmt.Sprintf("%-20s %-10s", p.ID, words(p.State))
	if r := p.Reading; r != nil {
		s += fmt.Sprintf("  %8.2f %-5s at %s", r.Value, strings.Replace(r.Unit, "mm_s2", "mm/s²", 1), clock(r.At))
	} else {
		s += "  nothing yet"
	}
	if p.Health != "ok" && p.Health != "" {
		s += "  " + strings.ToUpper(p.Health)
	}
	if p.Suppressed != "" {
		s += "  " + p.Suppressed
	}
	if p.HoldAt != "" {
		s += "  dishes are held at " + clock(p.HoldAt)
	}
	if p.WorkOrder != "" {
		s += "  work order " + p.WorkOrder
	}
	return s
}

type work struct {
	ID       string   `json:"id"`
	Asset    string   `json:"asset"`
	State    string   `json:"state"`
	Severity string   `json:"severity"`
	Proposed string   `json:"proposed"`
	Holds    []string `json:"holds"`
	Log      []struct {
		At   string `json:"at"`
		What string `json:"what"`
	} `json:"log"`
}

func (w work) String() string {
	s := fmt.Sprintf("work order %s  %s  %s  %s", w.ID, w.Asset, words(w.State), w.Severity)
	if len(w.Holds) > 0 {
		s += "  held: " + strings.Join(w.Holds, " ")
	}
	if w.Proposed != "" {
		s += "  proposed: " + w.Proposed
	}
	if n := len(w.Log); n > 0 {
		s += fmt.Sprintf("\n    %s %s", clock(w.Log[n-1].At), w.Log[n-1].What)
	}
	return s
}
