package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/brigata/brigata/cmd/brigata/doctor"
)

// Doctor checks a deployment and says how to mend it.
type Doctor struct {
	Listen      string `help:"Address that the node will listen on." default:"127.0.0.1:8080" env:"BRIGATA_LISTEN"`
	Data        string `help:"Data folder of the node." default:"./data" env:"BRIGATA_DATA"`
	DatabaseURL string `help:"Postgres of the node." env:"BRIGATA_DATABASE_URL"`
	TLSCA       string `name:"tls-ca" help:"CA of the nodes." env:"BRIGATA_TLS_CA"`
	TLSCert     string `name:"tls-cert" help:"Certificate of the node." env:"BRIGATA_TLS_CERT"`
	TLSKey      string `name:"tls-key" help:"Its key." env:"BRIGATA_TLS_KEY"`
	Gossip      string `help:"Address of the node for other nodes; the next two ports are checked, too." env:"BRIGATA_GOSSIP"`
	KeyFile     string `name:"gossip-key-file" help:"File with the gossip's key." env:"BRIGATA_GOSSIP_KEY_FILE"`
	EdgeListen  string `help:"Address of the node for boxes." env:"BRIGATA_EDGE_LISTEN"`
	JSON        bool   `name:"json" help:"Print each finding as JSON, a line each."`
}

// Run prints the findings; exit status 1 if anything must be mended.
func (d *Doctor) Run(ctx context.Context) error {
	bad, warned := 0, 0
	o := doctor.Options{Listen: d.Listen, Data: d.Data, DatabaseURL: d.DatabaseURL, TLSCA: d.TLSCA, TLSCert: d.TLSCert, TLSKey: d.TLSKey,
		Gossip: d.Gossip, GossipKeyFile: d.KeyFile, EdgeListen: d.EdgeListen}
	doctor.Run(ctx, o, func(f doctor.Finding) {
		switch f.State {
		case doctor.Bad:
			bad++
		case doctor.Warn:
			warned++
		}
		if d.JSON {
			_ = json.NewEncoder(os.Stdout).Encode(f)
			return
		}
		doctor.Print(os.Stdout, f)
	})
	if bad > 0 {
		return errors.New("this must be mended first")
	}
	if !d.JSON {
		fmt.Printf("it may serve; %d warnings\n", warned)
	}
	return nil
}
