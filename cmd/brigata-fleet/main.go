// Command brigata-fleet runs several nodes and a Postgres on one machine: for people to
// look at (cluster), or to be broken under load and held to what was promised (faults).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type cli struct {
	Cluster Cluster `cmd:"" help:"Run nodes and a temporary Postgres on this machine until ^C."`
	Hop     Hop     `cmd:"" help:"Measure what an order costs more whose socket is on another node."`
	Faults  Faults  `cmd:"" help:"Break nodes, network and database under load, and audit what is left."`
	Restart Restart `cmd:"" help:"Measure how many stores are spread, and how soon they answer when all nodes were killed."`
	Report  Report  `cmd:"" help:"Write kept results of faults as Markdown."`
}

// Shared is what both need.
type Shared struct {
	Brigata string `help:"The server's binary." default:"bin/brigata" type:"existingfile"`
	Nodes   int    `help:"How many nodes." default:"3"`
}

// gossipPort is that of the first node where nobody says.
const gossipPort = 7950

// Cluster runs nodes for people.
type Cluster struct {
	Shared
	Port   int `help:"Port of the first node; the others follow." default:"8081"`
	Gossip int `help:"Port of the first node's gossip; the others' are ten further each." default:"7950"`
	Stores int `help:"Demo stores to load besides demo." default:"9"`
}

// Run starts the nodes and waits for a signal.
func (c *Cluster) Run(ctx context.Context) error {
	if c.Nodes < 1 || c.Nodes > 9 {
		return errors.New("--nodes is 1 to 9")
	}
	f, err := newFleet(c.Shared, layout{port: c.Port, gossip: c.Gossip, demo: true})
	if err != nil {
		return err
	}
	return errors.Join(c.show(ctx, f), f.stop())
}

// show starts the nodes, says where they are, and waits.
func (c *Cluster) show(ctx context.Context, f *fleet) error {
	for i := range c.Nodes {
		if err := f.start(ctx, i); err != nil {
			return err
		}
	}
	if err := f.load(ctx, numbered(c.Stores)); err != nil {
		return err
	}
	fmt.Printf("Postgres   %s\n", f.db.URL())
	for _, n := range f.nodes {
		fmt.Printf("%s     %s   data %s   log %s\n", n.name, n.url(), n.data, n.log)
	}
	fmt.Printf("try        bin/brigata nodes --data %s\n           bin/brigata watch kitchen --data %s\n           bin/brigata order --table T03 kung-pao-chicken=2 --data %s\n",
		f.nodes[0].data, f.nodes[0].data, f.nodes[len(f.nodes)-1].data)
	fmt.Println("^C stops all of it")
	<-ctx.Done()
	fmt.Println("stopping …")
	return nil
}

// Faults breaks things.
type Faults struct {
	Shared
	Scenario string        `help:"kill, pause, partition, database, join, leave, rolling, all of these, or long: all kinds of faults at random until the totals are reached, those of --results included." default:"all" enum:"kill,pause,partition,database,join,leave,rolling,all,long"`
	Rounds   int           `help:"How often each; each round is checked by itself." default:"1"`
	For      time.Duration `help:"How long the scenario long goes on at most; 0: until its totals are reached."`
	Stores   int           `help:"Stores under load." default:"100"`
	Clients  int           `help:"Clients of each store." default:"1"`
	Every    time.Duration `help:"Between the commands of a client." default:"1s"`
	Long     bool          `help:"Pauses and partitions of 60 s too."`
	Results  string        `help:"File to append each round's result to, for report." type:"path"`
	Links    string        `help:"What joins nodes and database, to be cut: network namespaces, which need root and the command ip, or proxies in this program (Linux); by itself whichever can be had." default:"" enum:",namespaces,proxies"`
	Logs     string        `help:"Folder to keep the nodes' logs of every round in." type:"path"`
}

// links is what can be cut here; "": nothing can.
func (x *Faults) links() string {
	switch {
	case x.Links != "":
		return x.Links
	case permitted():
		return "namespaces"
	case runtime.GOOS == "linux": // which process dialled is read in /proc
		return "proxies"
	}
	return ""
}

// Run runs the scenarios, prints a line for each and a summary last.
func (x *Faults) Run(ctx context.Context) error {
	if x.Nodes < 2 || x.Nodes > 9 || x.Rounds < 1 || x.Stores < 1 || x.Clients < 1 {
		return errors.New("--nodes is 2 to 9, --rounds, --stores and --clients at least 1")
	}
	s := &suite{options: *x, command: commandLine(), commit: commit(), began: time.Now(), totals: map[string]int{}}
	err := s.run(ctx)
	fmt.Println(s.summary())
	if err == nil && s.failed > 0 {
		err = errors.New("some rounds failed: see above")
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("brigata-fleet"), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		stop()
		os.Exit(1)
	}
}
