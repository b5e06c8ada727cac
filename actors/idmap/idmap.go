// Package idmap is a persistent map from ids: changing it gives a new map and
// leaves the old one as it was, by copying one path of a hash array mapped trie
// (P. Bagwell, "Ideal Hash Trees", 2001). States keep their large maps in it.
package idmap

import (
	"iter"
	"math/bits"
	"slices"
)

// Map is a map from ids to V; its zero value is empty. Its order depends on what it
// holds, never on how it came to hold it.
type Map[V any] struct {
	root *node[V]
	n    int
}

const (
	width = 4 // bits of a place for one level
	depth = 64 / width
)

// node has, for each of 16 digits of a place, a child or a leaf. At the bottom,
// leaves whose places are equal stand in a row, sorted by id.
type node[V any] struct {
	childs, leaves uint16
	child          []*node[V]
	leaf           []leaf[V]
}

type leaf[V any] struct {
	id string
	v  V
}

// place is where an id stands: digits of four bits, the lowest first. A UUIDv7's first
// six are of its time, within 4.6 hours, the slowest first: ids of one hour then share
// their path, which is what the processor has at hand. Whoever makes up ids gains little:
// the other digits are a hash. It is part of a map's order, and so must never change.
func place(id string) uint64 {
	h := hash(id)
	if len(id) != 36 || id[8] != '-' || id[13] != '-' {
		return h
	}
	for i, at := range [...]int{6, 7, 9, 10, 11, 12} {
		digit := uint64(id[at]) + 9*uint64(id[at]>>6) // hexadecimal
		h = h&^(15<<(width*i)) | digit&15<<(width*i)
	}
	return h
}

// hash mixes eight bytes at a time by a 128-bit product, as wyhash does (Wang Yi,
// 2019).
func hash(id string) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	h := k0 ^ uint64(len(id))
	for len(id) >= 8 {
		w := uint64(id[0]) | uint64(id[1])<<8 | uint64(id[2])<<16 | uint64(id[3])<<24 |
			uint64(id[4])<<32 | uint64(id[5])<<40 | uint64(id[6])<<48 | uint64(id[7])<<56
		h = fold(h^w, k1)
		id = id[8:]
	}
	var w uint64
	for i := range len(id) {
		w |= uint64(id[i]) << (8 * i)
	}
	return fold(h^w, k0)
}

func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

func digit(h uint64, level int) uint16 { return 1 << (h >> (width * level) & 15) }

func rank(mask, bit uint16) int { return bits.OnesCount16(mask & (bit - 1)) }

// Len is the number of ids.
func (m Map[V]) Len() int { return m.n }

// Get returns what id maps to.
func (m Map[V]) Get(id string) (v V, ok bool) {
	h := place(id)
	n := m.root
	for level := 0; n != nil; level++ {
		if level == depth {
			i, found := n.find(id)
			if found {
				return n.leaf[i].v, true
			}
			return v, false
		}
		bit := digit(h, level)
		if n.leaves&bit != 0 {
			if l := &n.leaf[rank(n.leaves, bit)]; l.id == id {
				return l.v, true
			}
			return v, false
		}
		if n.childs&bit == 0 {
			return v, false
		}
		n = n.child[rank(n.childs, bit)]
	}
	return v, false
}

// With returns the map in which id maps to v.
func (m Map[V]) With(id string, v V) Map[V] {
	root, added := m.root.with(leaf[V]{id, v}, place(id), 0)
	if added {
		m.n++
	}
	return Map[V]{root, m.n}
}

// Put is With in place, for whoever holds the only copy of m: what was copied from it
// before must not be used any more.
func (m *Map[V]) Put(id string, v V) {
	l, h := leaf[V]{id, v}, place(id)
	at := &m.root
	for level := 0; ; level++ {
		if *at == nil {
			*at = &node[V]{}
		}
		n := *at
		if level == depth {
			var added bool
			*at, added = n.with(l, h, level)
			m.n += count(added)
			return
		}
		bit := digit(h, level)
		if n.childs&bit == 0 {
			i := rank(n.leaves, bit)
			if n.leaves&bit == 0 {
				n.leaf, n.leaves = slices.Insert(n.leaf, i, l), n.leaves|bit
				m.n++
				return
			}
			if n.leaf[i].id == id {
				n.leaf[i] = l
				return
			}
			n.lower(i, bit, level)
		}
		at = &n.child[rank(n.childs, bit)]
	}
}

func count(added bool) int {
	if added {
		return 1
	}
	return 0
}

// lower moves leaf i one level down, in place.
func (n *node[V]) lower(i int, bit uint16, level int) {
	child, _ := (*node[V])(nil).with(n.leaf[i], place(n.leaf[i].id), level+1)
	n.leaf, n.leaves = slices.Delete(n.leaf, i, i+1), n.leaves&^bit
	n.child, n.childs = slices.Insert(n.child, rank(n.childs, bit), child), n.childs|bit
}

// Without returns the map that has no id.
func (m Map[V]) Without(id string) Map[V] {
	if _, ok := m.Get(id); !ok {
		return m
	}
	return Map[V]{m.root.without(id, place(id), 0), m.n - 1}
}

// All yields every id, in the order of their places.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { m.root.all(yield) }
}

func (n *node[V]) find(id string) (int, bool) {
	return slices.BinarySearchFunc(n.leaf, id, func(l leaf[V], id string) int {
		switch {
		case l.id < id:
			return -1
		case l.id > id:
			return 1
		}
		return 0
	})
}

func (n *node[V]) with(l leaf[V], h uint64, level int) (*node[V], bool) {
	if n == nil {
		n = &node[V]{}
	}
	c := *n
	if level == depth {
		i, found := n.find(l.id)
		if found {
			c.leaf = slices.Clone(n.leaf)
			c.leaf[i] = l
			return &c, false
		}
		c.leaf = insert(n.leaf, i, l)
		return &c, true
	}
	bit := digit(h, level)
	switch {
	case n.childs&bit != 0:
		i := rank(n.childs, bit)
		child, added := n.child[i].with(l, h, level+1)
		c.child = slices.Clone(n.child)
		c.child[i] = child
		return &c, added
	case n.leaves&bit == 0:
		c.leaf = insert(n.leaf, rank(n.leaves, bit), l)
		c.leaves |= bit
		return &c, true
	}
	i := rank(n.leaves, bit)
	old := n.leaf[i]
	if old.id == l.id {
		c.leaf = slices.Clone(n.leaf)
		c.leaf[i] = l
		return &c, false
	}
	child, _ := (*node[V])(nil).with(old, place(old.id), level+1)
	child, _ = child.with(l, h, level+1)
	c.leaf, c.leaves = remove(n.leaf, i), n.leaves&^bit
	c.child, c.childs = insert(n.child, rank(n.childs, bit), child), n.childs|bit
	return &c, true
}

func (n *node[V]) without(id string, h uint64, level int) *node[V] {
	c := *n
	if level == depth {
		i, _ := n.find(id)
		c.leaf = remove(n.leaf, i)
		return c.orNil()
	}
	bit := digit(h, level)
	if n.leaves&bit != 0 {
		c.leaf, c.leaves = remove(n.leaf, rank(n.leaves, bit)), n.leaves&^bit
		return c.orNil()
	}
	i := rank(n.childs, bit)
	child := n.child[i].without(id, h, level+1)
	switch {
	case child == nil:
		c.child, c.childs = remove(n.child, i), n.childs&^bit
	case len(child.child) == 0 && len(child.leaf) == 1: // a lone leaf moves up, so that equal maps have equal shapes
		c.child, c.childs = remove(n.child, i), n.childs&^bit
		c.leaf, c.leaves = insert(n.leaf, rank(n.leaves, bit), child.leaf[0]), n.leaves|bit
	default:
		c.child = slices.Clone(n.child)
		c.child[i] = child
	}
	return c.orNil()
}

func (n *node[V]) orNil() *node[V] {
	if len(n.child) == 0 && len(n.leaf) == 0 {
		return nil
	}
	return n
}

func (n *node[V]) all(yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.leaves == 0 && n.childs == 0 { // the bottom
		for _, l := range n.leaf {
			if !yield(l.id, l.v) {
				return false
			}
		}
		return true
	}
	for bit := uint16(1); bit != 0; bit <<= 1 {
		switch {
		case n.leaves&bit != 0:
			if l := &n.leaf[rank(n.leaves, bit)]; !yield(l.id, l.v) {
				return false
			}
		case n.childs&bit != 0:
			if !n.child[rank(n.childs, bit)].all(yield) {
				return false
			}
		}
	}
	return true
}

func insert[T any](s []T, i int, v T) []T {
	c := make([]T, len(s)+1)
	copy(c, s[:i])
	c[i] = v
	copy(c[i+1:], s[i:])
	return c
}

func remove[T any](s []T, i int) []T {
	c := make([]T, 0, len(s)-1)
	return append(append(c, s[:i]...), s[i+1:]...)
}
