// Command brigata-bench loads a server with orders, beside the conventional way to
// build one, on one database, in one run; and audits what it was told afterwards.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Run               Run               `cmd:"" help:"Run a workload against every system and audit it."`
	Suite             Suite             `cmd:"" help:"Run W1 to W9 beside their peers and write one report."`
	Start             Start             `cmd:"" help:"Measure how long a node takes to be ready."`
	Readings          Readings          `cmd:"" help:"Measure what share of a core boxes with 10,000 readings a second cost a node."`
	Flood             Flood             `cmd:"" help:"Have 2,000 phones ask ten times what a node can do, and measure what its kitchens and tills notice."`
	Edge              EdgeModels        `cmd:"" help:"Measure the models of boxes on machines that they have not seen."`
	ServeBrigata      ServeBrigata      `cmd:"" hidden:""`
	ServeConventional ServeConventional `cmd:"" hidden:""`
	ServeEcho         ServeEcho         `cmd:"" hidden:""`
	ServeLoop         ServeLoop         `cmd:"" hidden:""`
	ServeNode         ServeNode         `cmd:"" hidden:""`
	FloodPhones       FloodPhones       `cmd:"" hidden:""`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("brigata-bench"), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "brigata-bench:", err)
		os.Exit(1)
	}
}
