// Package box is the command that runs a box in a store: brigata edge, and brigata-edge,
// which is nothing else and therefore small.
package box

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/brigata/brigata/cmd/brigata/build"
	"github.com/brigata/brigata/cmd/brigata/logs"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
)

// Command runs a box until it is told to stop.
type Command struct {
	Credentials  string        `help:"File that brigata edge-token has written." required:"" type:"existingfile" env:"BRIGATA_EDGE_CREDENTIALS"`
	Store        string        `help:"Store; it must be the credentials' own."`
	Hub          []string      `help:"host:port of a node's listener for boxes, in place of those that the credentials name; may be repeated."`
	Data         string        `help:"Folder for what waits to be sent." default:"./edge-data" env:"BRIGATA_EDGE_DATA"`
	Devices      string        `help:"File with the devices that may send: [{\"user\",\"password\",\"sensors\":[…]}]." type:"existingfile"`
	MQTT         string        `name:"mqtt" help:"Address for devices, MQTT 3.1.1." default:"127.0.0.1:1883"`
	MQTTCert     string        `name:"mqtt-cert" help:"Certificate for devices' connections (PEM); without, they are in the clear." type:"existingfile"`
	MQTTKey      string        `name:"mqtt-key" help:"Its key (PEM)." type:"existingfile"`
	HTTP         string        `name:"http" help:"Address for devices without MQTT, /healthz and /status." default:"127.0.0.1:8090"`
	ClockSlack   time.Duration `help:"How far a device's clock may be off before the box's is taken." default:"2m"`
	ModelKey     []string      `help:"File of a key (.pub) whose models may take the place of the box's own; may be repeated." type:"existingfile"`
	Onnx         string        `help:"ONNX graph to judge machines with, in place of the box's own model; the program must be built with ONNX Runtime." type:"existingfile"`
	OnnxLibrary  string        `help:"ONNX Runtime's shared library." type:"existingfile" env:"ONNXRUNTIME_LIBRARY"`
	BacklogMax   int64         `help:"Bytes of readings that may wait for the node." default:"1073741824"`
	Believe      bool          `help:"Take devices' times as they are: for simulations that are faster than time."`
	logs.Options `embed:""`
}

// memory is what Go may use in a box, of the 60 MB that a box may have; the rest are pages
// of the program. It is collected often: boxes are small, and seldom busy.
const (
	memory    = 28 << 20
	gcPercent = 25
)

// backlogLeast holds the readings of an hour of a small store.
const backlogLeast = 64 << 10

// Run starts the box and waits for a signal.
func (c *Command) Run(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	o, err := c.options()
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

func (c *Command) options() (o edge.Options, err error) {
	cred, err := credentials.Read(c.Credentials)
	if err != nil {
		return o, err
	}
	if c.Store != "" && c.Store != cred.Store {
		return o, fmt.Errorf("the credentials are for the store %s", cred.Store)
	}
	if c.BacklogMax < backlogLeast {
		return o, fmt.Errorf("--backlog-max is %d bytes or more", backlogLeast)
	}
	if len(c.Hub) > 0 {
		cred.Hubs = c.Hub
		if err := cred.Validate(); err != nil {
			return o, err
		}
	}
	o = edge.Options{Credentials: cred, Data: c.Data, MQTT: c.MQTT, HTTP: c.HTTP, Slack: c.ClockSlack, StreamMax: c.BacklogMax, Version: build.Version(), Log: c.Logger(os.Stderr)}
	if c.Believe {
		o.Slack = -1
	}
	if c.Onnx != "" {
		if o.Model, err = onnxModel(c.OnnxLibrary, c.Onnx); err != nil {
			return o, err
		}
	}
	for _, file := range c.ModelKey {
		key, err := ReadKey(file, ed25519.PublicKeySize)
		if err != nil {
			return o, err
		}
		o.ModelKeys = append(o.ModelKeys, key)
	}
	if c.Devices != "" {
		if o.Devices, err = edge.ReadDevices(c.Devices); err != nil {
			return o, err
		}
	}
	if (c.MQTTCert == "") != (c.MQTTKey == "") {
		return o, fmt.Errorf("--mqtt-cert and --mqtt-key go together")
	}
	if c.MQTTCert != "" {
		pair, err := tls.LoadX509KeyPair(c.MQTTCert, c.MQTTKey)
		if err != nil {
			return o, err
		}
		o.MQTTTLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return o, nil
}

// ReadKey reads a key of so many bytes, in base64.
func ReadKey(file string, size int) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("%s is not a key of %d bytes in base64", file, size)
	}
	return key, nil
}
