// Command brigata serves restaurants, and talks to a server from a terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // where the system has none, as in an image of the binary alone

	"github.com/alecthomas/kong"
	_ "golang.org/x/crypto/x509roots/fallback" // likewise

	"github.com/brigata/brigata/cmd/brigata/box"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/cmd/brigata/terminal"
)

type cli struct {
	Serve     Serve          `cmd:"" help:"Run a node."`
	Token     Token          `cmd:"" help:"Print an access token signed with a node's key, for development."`
	Store     StoreCmd       `cmd:"" help:"Load stores into a running node."`
	User      UserCmd        `cmd:"" help:"Accounts, for who has the node's files."`
	Edge      box.Command    `cmd:"" help:"Run a box in a store: sensors in, readings out."`
	EdgeToken EdgeToken      `cmd:"" help:"Mint the credentials of a box."`
	EdgeModel EdgeModel      `cmd:"" help:"Train and sign the models that boxes judge machines with."`
	Doctor    Doctor         `cmd:"" help:"Check a deployment, and say how to mend it."`
	Verify    Verify         `cmd:"" help:"Replay every log and hold it to what is stored beside it."`
	Export    Export         `cmd:"" help:"Print a store's events as JSON."`
	Backup    Backup         `cmd:"" help:"Copy the SQLite databases of a running node."`
	Restore   Restore        `cmd:"" help:"Make a data folder of a backup."`
	Order     terminal.Order `cmd:"" help:"Place an order."`
	Watch     terminal.Watch `cmd:"" help:"Show a board as it changes."`
	Bump      terminal.Bump  `cmd:"" help:"Mark an order's items ready."`
	Stock     terminal.Stock `cmd:"" help:"Show or change a dish's stock."`
	Sensors   SensorsCmd     `cmd:"" help:"Answer alerts, and work orders."`
	Get       terminal.Get   `cmd:"" help:"Show an order, a table or a dish's stock."`
	Nodes     terminal.Nodes `cmd:"" help:"Show the nodes of the cluster, with their leases and cells."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run parses and runs one command; its result is the exit status: 0 done,
// 1 refused, 2 usage, 3 unreachable.
func run(ctx context.Context, args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("brigata"), kong.Description("A real-time ordering engine for restaurants."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "brigata:", err)
		return 2
	}
	err = k.Run()
	if err == nil {
		return 0
	}
	var refused *client.Refused
	if errors.As(err, &refused) {
		fmt.Fprintf(os.Stderr, "refused: %s: %s\n", refused.Code, refused.Message)
		if len(refused.Fields) > 2 {
			fmt.Fprintf(os.Stderr, "  %s\n", refused.Fields)
		}
	} else {
		fmt.Fprintln(os.Stderr, "brigata:", err)
	}
	return terminal.ExitCode(err)
}
