package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/cmd/brigata/logs"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/telemetry"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/gateway/auth"
)

// Serve runs a node.
type Serve struct {
	Listen         string   `help:"Address to listen on." default:"127.0.0.1:8080" env:"BRIGATA_LISTEN"`
	Data           string   `help:"Folder for the signing key and the database." default:"./data" env:"BRIGATA_DATA"`
	DatabaseURL    string   `help:"Postgres to use instead of the SQLite file in the data folder." env:"BRIGATA_DATABASE_URL"`
	StoreFile      []string `help:"Store document to load; may be repeated." type:"existingfile"`
	Name           string   `help:"Stable name of this node." default:"node-1" env:"BRIGATA_NAME"`
	NoDemo         bool     `help:"Do not load the demo store into an empty database."`
	AllowedOrigins []string `help:"Browser origins to accept beside this host."`

	EdgeListen    string `help:"Address where boxes in stores link, such as 0.0.0.0:7422; none by default." env:"BRIGATA_EDGE_LISTEN"`
	EdgeModels    string `help:"Folder of signed models for boxes: one for each store, or store.box." env:"BRIGATA_EDGE_MODELS" type:"path"`
	EdgeAuthority string `help:"File of the boxes' authority; the nodes of a cluster share it. In the data folder by default." env:"BRIGATA_EDGE_AUTHORITY"`

	Join            []string `help:"Gossip addresses (host:port) of nodes to form a cluster with; they share the Postgres." env:"BRIGATA_JOIN"`
	Gossip          string   `help:"Address (host:port) for other nodes' gossip, alone or to be joined; the next two ports take their requests and the bus." env:"BRIGATA_GOSSIP"`
	Advertise       string   `help:"Host at which other nodes reach this one, where it is not the one of --gossip." env:"BRIGATA_ADVERTISE"`
	TLSCA           string   `name:"tls-ca" help:"PEM file: the authority that signs the nodes' certificates, and nothing else." env:"BRIGATA_TLS_CA"`
	TLSCert         string   `name:"tls-cert" help:"PEM file: this node's certificate, for the DNS name brigata." env:"BRIGATA_TLS_CERT"`
	TLSKey          string   `name:"tls-key" help:"PEM file: its key." env:"BRIGATA_TLS_KEY"`
	GossipKeyFile   string   `help:"File with the key that all nodes' gossip shares: 16, 24 or 32 bytes in base64; on further lines, others to read it by." env:"BRIGATA_GOSSIP_KEY_FILE"`
	InsecureCluster bool     `help:"Let nodes talk beyond loopback without TLS and key, on a network that is yours alone."`

	Payments string `help:"File that names the accounts at payment providers (see docs/payments.md)." type:"existingfile" env:"BRIGATA_PAYMENTS"`

	WebhookAllowPrivate bool `help:"Let webhooks call private addresses, and without TLS (see docs/webhooks.md)." env:"BRIGATA_WEBHOOK_ALLOW_PRIVATE"`

	MetricsFrom  []netip.Prefix `help:"Networks that may read /metrics without an admin's token." default:"127.0.0.0/8,::1/128" env:"BRIGATA_METRICS_FROM"`
	OTLP         string         `name:"otlp" help:"Where to send traces (OTLP over HTTP), such as http://127.0.0.1:4318." env:"BRIGATA_OTLP"`
	TraceShare   float64        `help:"Share of commands that are traced whole, 0 to 1; slow and failed ones are always kept." default:"0.01" env:"BRIGATA_TRACE_SHARE"`
	logs.Options `embed:""`
}

// Run starts the node and waits for a signal.
func (s *Serve) Run(ctx context.Context) error {
	tune()
	began, log := time.Now(), s.Logger(os.Stderr)
	n, err := server.Start(ctx, server.Options{Listen: s.Listen, Data: s.Data, DatabaseURL: s.DatabaseURL, StoreFiles: s.StoreFile,
		Name: s.Name, Demo: !s.NoDemo && len(s.StoreFile) == 0, Origins: s.AllowedOrigins, Out: os.Stdout, Log: log,
		Cluster: server.Cluster{Gossip: s.Gossip, Advertise: s.Advertise, Join: s.Join, CA: s.TLSCA, Cert: s.TLSCert, Key: s.TLSKey,
			KeyFile: s.GossipKeyFile, Insecure: s.InsecureCluster},
		EdgeListen: s.EdgeListen, EdgeAuthority: s.EdgeAuthority, EdgeModels: s.EdgeModels, Payments: s.Payments, WebhookAllowPrivate: s.WebhookAllowPrivate, MetricsFrom: s.MetricsFrom, Telemetry: telemetry.Options{OTLP: s.OTLP, Sample: s.TraceShare}})
	if err != nil {
		return err
	}
	log.Debug("ready", "url", n.URL(), "stores", len(n.Stores()), "took", time.Since(began))
	s.greet(n, time.Since(began))
	select {
	case <-ctx.Done():
		fmt.Println("draining …")
	case err = <-n.Err():
	}
	if stopErr := n.Stop(); err == nil {
		err = stopErr
	}
	log.Debug("stopped", "error", err)
	if err == nil {
		fmt.Println("stopped")
	}
	return err
}

func (s *Serve) greet(n *server.Node, took time.Duration) {
	database := "SQLite in " + filepath.Clean(s.Data)
	if s.DatabaseURL != "" {
		database = "Postgres"
	}
	ws := strings.Replace(n.URL(), "http", "ws", 1) + "/v1/ws"
	fmt.Printf("brigata is ready after %d ms, on %s\n", took.Milliseconds(), database)
	fmt.Printf("  stores     %s\n", strings.Join(n.Stores(), " "))
	if at := n.Gossip(); at != "" {
		fmt.Printf("  gossip     %s (others: --join %s)\n", at, at)
	}
	fmt.Printf("  server     %s\n  sockets    %s\n  protocol   %s/asyncapi.yaml\n", n.URL(), ws, n.URL())
	if n.FirstPassword != "" {
		fmt.Printf("  first user %s, one-time password %s (choose another at the first log-in; it is not shown again)\n", n.FirstUser, n.FirstPassword)
	}
	data := ""
	if s.Data != "./data" {
		data = " --data " + s.Data
	}
	fmt.Printf("  try        brigata watch kitchen%s\n             brigata order --table T03 kung-pao-chicken=2 mapo-tofu%s\n", data, data)
}

// Token prints a token.
type Token struct {
	Data    string        `help:"Data folder of the node, with its signing key." default:"./data" env:"BRIGATA_DATA"`
	Role    string        `help:"Role: guest waiter cashier kitchen expo dispatcher manager admin device channel." required:""`
	Store   []string      `help:"Store; may be repeated." default:"demo"`
	User    string        `help:"User's id; a guest's must be a UUIDv7." default:""`
	Name    string        `help:"User's name."`
	Table   string        `help:"A guest's table."`
	Session string        `help:"A guest's table session."`
	Channel string        `help:"A partner's channel."`
	TTL     time.Duration `name:"ttl" help:"How long it holds." default:"12h"`
}

// Run prints the token.
func (t *Token) Run() error {
	file := filepath.Join(t.Data, server.KeyFile)
	if _, err := os.Stat(file); err != nil {
		return terminal.Usage{Message: fmt.Sprintf("no signing key in %s: start a node there first, or name its folder with --data", t.Data)}
	}
	keys, err := auth.LoadKeys(file)
	if err != nil {
		return err
	}
	user, name := t.User, t.Name
	if user == "" {
		user = t.Role
	}
	if name == "" {
		name = strings.ToUpper(user[:1]) + user[1:]
	}
	c := auth.Subject(user, name, t.Store, command.Role(t.Role))
	c.Table, c.Session, c.Channel = t.Table, t.Session, t.Channel
	token, err := keys.Issue(c, time.Now(), t.TTL)
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	fmt.Println(token)
	return nil
}
