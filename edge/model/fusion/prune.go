package fusion

import (
	"math"
	"slices"
)

// Prune keeps the heads and hidden units that weigh most: matrices that are smaller, not
// ones with holes (structured pruning by magnitude; Li et al., 2017).
func (n *Net) Prune(heads, hidden int) (*Net, error) {
	s := n.Shape
	s.Heads, s.Hidden = min(heads, n.Heads), min(hidden, n.Hidden)
	p, err := New(s, 0)
	if err != nil {
		return nil, err
	}
	p.Heat = n.Heat
	copy(p.mean.W, n.mean.W)
	copy(p.dev.W, n.dev.W)
	for i, t := range n.tensors {
		if len(t.W) == len(p.tensors[i].W) {
			copy(p.tensors[i].W, t.W)
		}
	}
	for i := range n.blocks {
		from, to := &n.blocks[i], &p.blocks[i]
		units := top(n.Hidden, s.Hidden, func(u int) float64 { return from.up.row(u) * from.down.column(u) })
		to.up.takeRows(from.up, units)
		to.down.takeColumns(from.down, units)
		kept := top(n.Heads, s.Heads, func(h int) (sum float64) {
			for r := h * n.Head; r < (h+1)*n.Head; r++ {
				sum += from.v.row(r) + from.o.column(r)
			}
			return sum
		})
		var rows []int
		for _, h := range kept {
			for r := range n.Head {
				rows = append(rows, h*n.Head+r)
			}
		}
		to.q.takeRows(from.q, rows)
		to.k.takeRows(from.k, rows)
		to.v.takeRows(from.v, rows)
		to.o.takeColumns(from.o, rows)
	}
	return p, nil
}

// top are the keep of n with the highest scores, in their order.
func top(n, keep int, score func(int) float64) []int {
	order := make([]int, n)
	scores := make([]float64, n)
	for i := range order {
		order[i], scores[i] = i, score(i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	order = order[:keep]
	slices.Sort(order)
	return order
}

func (l linear) row(r int) (sum float64) {
	for _, v := range l.w.W[r*l.w.Cols : (r+1)*l.w.Cols] {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func (l linear) column(c int) (sum float64) {
	for r := range l.w.Rows {
		v := float64(l.w.W[r*l.w.Cols+c])
		sum += v * v
	}
	return math.Sqrt(sum)
}

func (l linear) takeRows(from linear, rows []int) {
	for i, r := range rows {
		copy(l.w.W[i*l.w.Cols:(i+1)*l.w.Cols], from.w.W[r*l.w.Cols:(r+1)*l.w.Cols])
		l.b.W[i] = from.b.W[r]
	}
}

func (l linear) takeColumns(from linear, columns []int) {
	copy(l.b.W, from.b.W)
	for r := range l.w.Rows {
		for i, c := range columns {
			l.w.W[r*l.w.Cols+i] = from.w.W[r*from.w.Cols+c]
		}
	}
}
