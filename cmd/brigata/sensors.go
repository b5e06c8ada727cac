package main

import (
	"context"
	"fmt"
	"time"

	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge/simulate"
)

// SensorsCmd is what people do about sensors; brigata watch sensors shows them.
type SensorsCmd struct {
	Ack       terminal.Ack        `cmd:"" help:"Say that an alert has been seen."`
	Calibrate terminal.Calibrate  `cmd:"" help:"Set what is added to a sensor's values."`
	Assign    terminal.AssignWork `cmd:"" help:"Give a work order to somebody."`
	Done      terminal.FinishWork `cmd:"" help:"Close a work order."`
	Simulate  Simulate            `cmd:"" help:"Play the demo store's sensors over MQTT, and failures of its machines."`
}

// Simulate plays sensors.
type Simulate struct {
	Broker    string        `help:"A box's address for devices." default:"tcp://127.0.0.1:1883"`
	User      string        `help:"Device that may send for the sensors of the demo store." required:""`
	Password  string        `help:"Its password." required:"" env:"BRIGATA_DEVICE_PASSWORD"`
	For       time.Duration `help:"How long, of the sensors' time." default:"24h"`
	Every     time.Duration `help:"Between readings of a sensor." default:"10s"`
	Speed     float64       `help:"Times as fast as the clock; 0 is as fast as the box takes it. A box needs --believe for anything but 1." default:"1"`
	Failure   string        `help:"refrigerant, condenser, seal, bearing or stuck."`
	Machine   string        `help:"The machine that fails." default:"walkin-1"`
	FailAfter time.Duration `help:"When it begins to." default:"1h"`
	Seed      uint64        `help:"The same seed gives the same days." default:"1"`
}

// Run plays until the time is over or it is interrupted.
func (s *Simulate) Run(ctx context.Context) error {
	n, err := simulate.Run(ctx, simulate.Options{Broker: s.Broker, User: s.User, Password: s.Password, For: s.For, Every: s.Every, Speed: s.Speed,
		Failure: s.Failure, Machine: s.Machine, FailAfter: s.FailAfter, Seed: s.Seed})
	fmt.Printf("%d readings acknowledged\n", n)
	return err
}
