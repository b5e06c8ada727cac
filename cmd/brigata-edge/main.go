// Command brigata-edge runs a box in a store. It is brigata edge alone, for machines that
// are small: a third of the size, and of the memory.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/brigata/brigata/cmd/brigata/box"
	"github.com/brigata/brigata/cmd/brigata/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c box.Command
	kong.Parse(&c, kong.Name("brigata-edge"), kong.Description("A box in a store: sensors in, readings out."))
	if err := c.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "brigata-edge:", err)
		os.Exit(terminal.ExitCode(err))
	}
}
