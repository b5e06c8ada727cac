package main

import (
	"fmt"
	"os"
	"os/exec"
)

// links join the nodes and the database; each direction can be cut.
type links interface {
	fmt.Stringer
	// cut loses what node from sends to node to, or to the database, until it is mended.
	cut(from, to int) error
	mend(from, to int) error
	remove()
}

// toDatabase is where a node sends that is no node.
const toDatabase = -1

// network is namespaces joined by a bridge: nodes are really apart, and any direction
// between any two can be cut. It needs root.
//
// A cut gives the one side a wrong hardware address for the other: what it sends is lost
// without a word, as in a broken network, and can be mended at once.
type network struct {
	id     int
	spaces []string
}

// permitted says that namespaces can be made here.
func permitted() bool {
	if os.Getuid() != 0 {
		return false
	}
	_, err := exec.LookPath("ip")
	return err == nil
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

func newNetwork() (*network, error) {
	n := &network{id: os.Getpid() % 200}
	for _, c := range [][]string{
		{"link", "add", n.bridge(), "type", "bridge"},
		{"addr", "add", n.address(1) + "/24", "dev", n.bridge()},
		{"addr", "add", n.database() + "/24", "dev", n.bridge()},
		{"link", "set", n.bridge(), "up"},
	} {
		if err := ip(c...); err != nil {
			n.remove()
			return nil, err
		}
	}
	return n, nil
}

func (n *network) bridge() string          { return fmt.Sprintf("bgf%d", n.id) }
func (n *network) space(i int) string      { return fmt.Sprintf("bgf%d-%d", n.id, i) }
func (n *network) outer(i int) string      { return fmt.Sprintf("bgf%dv%d", n.id, i) }
func (n *network) address(host int) string { return fmt.Sprintf("10.77.%d.%d", n.id, host) }
func (n *network) database() string        { return n.address(2) }
func (n *network) subnet() string          { return n.address(0) + "/24" }

// add makes the namespace of a node and returns its address.
func (n *network) add(i int) (string, error) {
	out, in, at := n.outer(i), fmt.Sprintf("bgf%dp%d", n.id, i), n.at(i)
	n.spaces = append(n.spaces, n.space(i))
	for _, c := range [][]string{
		{"netns", "add", n.space(i)},
		{"link", "add", out, "type", "veth", "peer", "name", in},
		{"link", "set", in, "netns", n.space(i)},
		{"link", "set", out, "master", n.bridge(), "up"},
		{"-n", n.space(i), "link", "set", in, "name", "eth0"},
		{"-n", n.space(i), "link", "set", "lo", "up"},
		{"-n", n.space(i), "addr", "add", at + "/24", "dev", "eth0"},
		{"-n", n.space(i), "link", "set", "eth0", "up"},
	} {
		if err := ip(c...); err != nil {
			return "", err
		}
	}
	return at, nil
}

func (n *network) at(to int) string {
	if to == toDatabase {
		return n.database()
	}
	return n.address(11 + to)
}

func (n *network) cut(from, to int) error {
	return ip("-n", n.space(from), "neigh", "replace", n.at(to), "lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", "eth0")
}

func (n *network) mend(from, to int) error {
	return ip("-n", n.space(from), "neigh", "del", n.at(to), "dev", "eth0")
}

// remove takes the links first: a namespace gives up its own some time after it is
// deleted, and the next round has links of the same names.
func (n *network) remove() {
	for i, s := range n.spaces {
		ip("link", "del", n.outer(i))
		ip("netns", "del", s)
	}
	ip("link", "del", n.bridge())
}

func (*network) String() string { return "network namespaces" }
