package wire

import "time"

// Node is a node as topic nodes and /v1/cluster show it: a server of the cluster, or an
// edge node.
type Node struct {
	ID            string    `json:"id"` // of this start
	Name          string    `json:"name"`
	Kind          string    `json:"kind"` // server edge
	Address       string    `json:"address"`
	Version       string    `json:"version"`
	State         string    `json:"state"` // alive suspect draining gone
	StartedAt     time.Time `json:"started_at,omitzero"`
	Epoch         int64     `json:"epoch"`
	LeaseMS       int64     `json:"lease_ms"` // what is left of its lease
	Cells         int       `json:"cells"`
	Stores        []string  `json:"stores"` // the first of them by name, NodeStoresMax at most
	Connections   int       `json:"connections"`
	Store         string    `json:"store,omitzero"` // of an edge node
	Link          string    `json:"link,omitzero"`  // up down
	Backlog       int64     `json:"backlog,omitzero"`
	Model         string    `json:"model,omitzero"`
	ClockOffsetMS int64     `json:"clock_offset_ms,omitzero"`
}

// NodeStoresMax bounds the stores that a Node names.
const NodeStoresMax = 50

// AppendNode appends a node.
func AppendNode(b []byte, n *Node) []byte { return appendAny(b, n) }

// AppendNodes appends what /v1/cluster answers.
func AppendNodes(b []byte, all []Node) []byte {
	return appendAny(b, &struct {
		Nodes []Node `json:"nodes"`
	}{all})
}
