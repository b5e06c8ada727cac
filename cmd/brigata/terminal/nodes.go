package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/brigata/brigata/actors/wire"
)

// Nodes shows the nodes of the cluster with their leases and cells, and the boxes in the
// stores with their links.
type Nodes struct{ Options }

// Run asks the node for them.
func (n *Nodes) Run(ctx context.Context) error {
	var b bytes.Buffer
	if _, err := Download(ctx, n.Options, "/v1/cluster", &b); err != nil {
		return err
	}
	if n.JSON {
		fmt.Println(b.String())
		return nil
	}
	return writeNodes(os.Stdout, b.Bytes())
}

// writeNodes writes a line for each server, and then one for each box.
func writeNodes(out io.Writer, b []byte) error {
	var in struct{ Nodes []wire.Node }
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("the nodes: %w", err)
	}
	servers := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	boxes := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(servers, "NAME\tSTATE\tCELLS\tSOCKETS\tEPOCH\tLEASE\tUP SINCE\tVERSION\tADDRESS\tID")
	fmt.Fprintln(boxes, "BOX\tSTORE\tSTATE\tLINK\tWAITING\tCLOCK\tMODEL\tUP SINCE\tVERSION")
	some := false
	for _, n := range in.Nodes {
		since := n.StartedAt.Local().Format("2006-01-02 15:04:05")
		if n.Kind == "edge" {
			some = true
			fmt.Fprintf(boxes, "%s\t%s\t%s\t%s\t%d\t%+d ms\t%s\t%s\t%s\n", n.Name, n.Store, n.State, n.Link, n.Backlog, n.ClockOffsetMS, n.Model, since, n.Version)
			continue
		}
		fmt.Fprintf(servers, "%s\t%s\t%d\t%d\t%d\t%d ms\t%s\t%s\t%s\t%s\n", n.Name, n.State, n.Cells, n.Connections, n.Epoch, n.LeaseMS, since, n.Version, n.Address, n.ID)
	}
	if err := servers.Flush(); err != nil || !some {
		return err
	}
	fmt.Fprintln(out)
	return boxes.Flush()
}
