package actors

import (
	"fmt"
	"sync"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
)

// Delivered turns what an entity owes into a command of its receiver's kind. It is the
// only place that knows who talks to whom where the sender's package cannot name the
// receiver's.
func Delivered(do any) command.Command {
	switch d := do.(type) {
	case *order.Join:
		return &table.OrderJoins{Join: *d}
	case *order.Tell:
		return &table.OrderTold{Tell: *d}
	case *store.SeedStock:
		return &stock.Seed{Seed: d.Seed}
	case *store.SetSensor:
		return &sensor.Configure{Sensor: d.Sensor, Safety: d.Safety, Gone: d.Gone}
	case *sensor.Report:
		return &workorder.Hear{Report: *d}
	case command.Command:
		return d
	}
	panic(fmt.Sprintf("actors: nobody takes a %T", do))
}

// duty is a message from one entity to another of its cell; it goes back as an outcome.
type duty struct {
	from    *entity
	is      command.Duty
	trace   wire.Trace // of the command that led to it
	reply   any        // the receiver's
	refusal *refusal.Refusal
}

// outcome is a duty with what became of it.
type outcome duty

// duties are used again once they have come back.
var duties = sync.Pool{New: func() any { return new(duty) }}

func newDuty(from *entity, is command.Duty, trace wire.Trace) *duty {
	d := duties.Get().(*duty)
	d.from, d.is, d.trace = from, is, trace
	return d
}

func putDuty(o *outcome) {
	*o = outcome{}
	duties.Put((*duty)(o))
}
