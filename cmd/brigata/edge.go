package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge/credentials"
)

// EdgeToken mints a box's credentials.
type EdgeToken struct {
	Data      string        `help:"Data folder of a node, with the boxes' authority." default:"./data" env:"BRIGATA_DATA"`
	Authority string        `help:"The authority's file, when it is elsewhere." env:"BRIGATA_EDGE_AUTHORITY"`
	Store     string        `help:"Store of the box." default:"demo"`
	Name      string        `help:"Name of the box, unique in its store." default:"edge-1"`
	Hub       []string      `help:"host:port of a node's listener for boxes; name every node." default:"127.0.0.1:7422"`
	For       time.Duration `help:"How long the certificate holds." default:"17520h"`
	Out       string        `help:"File to write; - is the terminal." default:"-"`
}

// Run mints them.
func (t *EdgeToken) Run() error {
	file := t.Authority
	if file == "" {
		if _, err := os.Stat(t.Data); err != nil {
			return terminal.Usage{Message: fmt.Sprintf("no data folder %s: start a node there first, or name its folder with --data", t.Data)}
		}
		file = filepath.Join(t.Data, server.AuthorityFile)
	}
	a, err := credentials.LoadAuthority(file)
	if err != nil {
		return err
	}
	c, err := a.Mint(t.Store, t.Name, t.Hub, t.For)
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	if t.Out != "-" {
		return c.Write(t.Out)
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}
