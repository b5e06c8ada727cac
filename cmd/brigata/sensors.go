package main

import "github.com/brigata/brigata/cmd/brigata/terminal"

// SensorsCmd is what people do about sensors; brigata watch sensors shows them.
type SensorsCmd struct {
	Ack       terminal.Ack        `cmd:"" help:"Say that an alert has been seen."`
	Calibrate terminal.Calibrate  `cmd:"" help:"Set what is added to a sensor's values."`
	Assign    terminal.AssignWork `cmd:"" help:"Give a work order to somebody."`
	Done      terminal.FinishWork `cmd:"" help:"Close a work order."`
}
