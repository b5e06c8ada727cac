// Package doctor checks a deployment before it serves, and says how to mend what is
// wrong. It changes nothing: what it measures, it measures on a scratch file of its own
// or by empty transactions. brigata doctor calls it.
package doctor

import (
	"context"
	"fmt"
	"io"
)

// State is what a check came to.
type State string

const (
	OK   State = "ok"
	Warn State = "warn" // it serves, but not as well as it could
	Bad  State = "bad"  // it must be mended first
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Found string `json:"found"`
	Mend  string `json:"mend,omitzero"`
}

// Options are those of the node that will serve.
type Options struct {
	Listen, Data, DatabaseURL string
	TLSCA, TLSCert, TLSKey    string
	Gossip, GossipKeyFile     string // of a node among others
	EdgeListen                string // for boxes
}

// Run checks everything and tells each finding as it comes.
func Run(ctx context.Context, o Options, tell func(Finding)) {
	folder(o, tell)
	clock(tell)
	limits(tell)
	port(o.Listen, tell)
	ports(o, tell)
	if o.DatabaseURL != "" {
		postgres(ctx, o.DatabaseURL, tell)
	}
	if o.TLSCert != "" || o.TLSKey != "" || o.TLSCA != "" {
		certificates(o, tell)
	}
	if o.GossipKeyFile != "" {
		gossipKey(o.GossipKeyFile, tell)
	}
}

// Print writes a finding for people.
func Print(w io.Writer, f Finding) {
	fmt.Fprintf(w, "%-5s %-22s %s\n", f.State, f.Check, f.Found)
	if f.Mend != "" {
		fmt.Fprintf(w, "      %-22s → %s\n", "", f.Mend)
	}
}
