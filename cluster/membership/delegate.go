package membership

import (
	"bytes"
	"errors"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls, some of it under its lock: so it only
// notes and signals, and never calls back.
type delegate struct{ *Members }

func (d delegate) NodeMeta(int) []byte             { return d.meta() }
func (delegate) NotifyMsg([]byte)                  {}
func (delegate) GetBroadcasts(int, int) [][]byte   { return nil }
func (delegate) LocalState(bool) []byte            { return nil }
func (delegate) MergeRemoteState([]byte, bool)     {}
func (d delegate) NotifyJoin(n *memberlist.Node)   { d.note(n) }
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.note(n) }

func (d delegate) note(n *memberlist.Node) {
	d.mu.Lock()
	d.nodes[n.Name] = node{n.Address(), bytes.Clone(n.Meta)}
	d.mu.Unlock()
	d.poke()
}

func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.mu.Lock()
	delete(d.nodes, n.Name)
	d.mu.Unlock()
	d.poke()
}

// NotifyAlive keeps out what is no node of ours.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	x, err := parse(n.Meta)
	if err == nil && x.ID != n.Name {
		err = errOtherName
	}
	if err != nil {
		d.refused.Add(1)
	}
	return err
}

var errOtherName = errors.New("membership: a node under another's name")

// logWriter takes memberlist's log, a line at a time, and counts what was refused for
// want of the key: memberlist tells it nowhere else.
type logWriter struct{ *Members }

func (w *logWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("crypt")) {
		w.strangers.Add(1)
	}
	if bytes.Contains(b, []byte("[ERR]")) || bytes.Contains(b, []byte("[WARN]")) {
		w.log.Debug("gossip", "said", string(bytes.TrimSpace(b)))
	}
	return len(b), nil
}
