package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// Nodes shows the nodes of the cluster with their leases and cells.
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

// writeNodes writes a line for each node.
func writeNodes(out io.Writer, b []byte) error {
	var in struct {
		Nodes []struct {
			ID, Name, Kind, Address, Version, State, Store string
			StartedAt                                      time.Time `json:"started_at"`
			Epoch                                          int64
			LeaseMS                                        int64 `json:"lease_ms"`
			Cells, Connections                             int
		}
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("the nodes: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tKIND\tCELLS\tSOCKETS\tEPOCH\tLEASE\tUP SINCE\tVERSION\tADDRESS\tID")
	for _, n := range in.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d ms\t%s\t%s\t%s\t%s\n", n.Name, n.State, n.Kind, n.Cells, n.Connections, n.Epoch, n.LeaseMS,
			n.StartedAt.Local().Format("2006-01-02 15:04:05"), n.Version, n.Address, n.ID)
	}
	return w.Flush()
}
