package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
)

// Edge runs a box in a store.
type Edge struct {
	Credentials string        `help:"File that brigata edge-token has written." required:"" type:"existingfile" env:"BRIGATA_EDGE_CREDENTIALS"`
	Store       string        `help:"Store; it must be the credentials' own."`
	Hub         []string      `help:"host:port of a node's listener for boxes, in place of those that the credentials name; may be repeated."`
	Data        string        `help:"Folder for what waits to be sent." default:"./edge-data" env:"BRIGATA_EDGE_DATA"`
	Devices     string        `help:"File with the devices that may send: [{\"user\",\"password\",\"sensors\":[…]}]." type:"existingfile"`
	MQTT        string        `name:"mqtt" help:"Address for devices, MQTT 3.1.1." default:"127.0.0.1:1883"`
	MQTTCert    string        `name:"mqtt-cert" help:"Certificate for devices' connections (PEM); without, they are in the clear." type:"existingfile"`
	MQTTKey     string        `name:"mqtt-key" help:"Its key (PEM)." type:"existingfile"`
	HTTP        string        `name:"http" help:"Address for devices without MQTT, /healthz and /status." default:"127.0.0.1:8090"`
	ClockSlack  time.Duration `help:"How far a device's clock may be off before the box's is taken." default:"2m"`
	Believe     bool          `help:"Take devices' times as they are: for simulations that are faster than time."`
	Logs        `embed:""`
}

// boxMemory is what a box may use: they are small.
const boxMemory = 56 << 20

// Run starts the box and waits for a signal.
func (e *Edge) Run(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(boxMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	o, err := e.options()
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	b, err := edge.Start(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("edge node %s of %s is ready\n  devices    mqtt://%s  http://%s\n  hubs       %v\n", o.Credentials.Name, o.Credentials.Store, b.MQTT(), b.HTTP(), o.Credentials.Hubs)
	<-ctx.Done()
	fmt.Println("stopping …")
	return b.Stop()
}

func (e *Edge) options() (o edge.Options, err error) {
	c, err := credentials.Read(e.Credentials)
	if err != nil {
		return o, err
	}
	if e.Store != "" && e.Store != c.Store {
		return o, fmt.Errorf("the credentials are for the store %s", c.Store)
	}
	if len(e.Hub) > 0 {
		c.Hubs = e.Hub
		if err := c.Validate(); err != nil {
			return o, err
		}
	}
	o = edge.Options{Credentials: c, Data: e.Data, MQTT: e.MQTT, HTTP: e.HTTP, Slack: e.ClockSlack, Version: server.Version(), Log: e.logger(os.Stderr)}
	if e.Believe {
		o.Slack = -1
	}
	if e.Devices != "" {
		if o.Devices, err = edge.ReadDevices(e.Devices); err != nil {
			return o, err
		}
	}
	if (e.MQTTCert == "") != (e.MQTTKey == "") {
		return o, fmt.Errorf("--mqtt-cert and --mqtt-key go together")
	}
	if e.MQTTCert != "" {
		pair, err := tls.LoadX509KeyPair(e.MQTTCert, e.MQTTKey)
		if err != nil {
			return o, err
		}
		o.MQTTTLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return o, nil
}

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
