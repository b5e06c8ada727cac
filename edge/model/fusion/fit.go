package fusion

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/brigata/brigata/edge/model/features"
)

// Example is a window and what its machine suffers from.
type Example struct {
	*features.Window
	Class  int
	Recent bool // of machines as they are now, among others of machines as they were
}

// Fit says how to train.
type Fit struct {
	Epochs  int
	Rate    float64 // of Adam, at its highest
	Seed    uint64
	Teacher *Net // whose answers are learnt too (Hinton, Vinyals and Dean, 2015); nil: none
	// Rounded trains the net to be rounded to eight bits: it answers with rounded weights,
	// and the gradients are those of the weights behind them (Jacob et al., 2018).
	Rounded bool
	// Drop is the share of senses taken away from windows, so that a machine without
	// them is judged too. Recent ones are read as they are.
	Drop float64
	// Mix is the share of windows of which some senses, every second on average, are those of another of
	// the same class that is as recent: a few windows are seen in very many ways (Yun et al., 2019).
	Mix      float64
	Progress func(epoch int, loss float64)
}

const (
	shard, shards   = 16, 4 // examples of a step: fixed, so that the cores do not change the sums
	smooth          = 0.05  // of the labels
	softness, lean  = 3, 0.6
	beta1, beta2    = 0.9, 0.999
	decay, clipNorm = 0.01, 4.0
	warm            = 0.15
)

// trainer is the state of one training.
type trainer struct {
	Fit
	net    *Net
	passes [shards]*Pass
	taught [shards]*Pass
	master [][]float32 // the weights behind the rounded ones
	alike  map[kin][]*features.Window
	m, v   [][]float32
	step   int
}

// Train fits the net to examples.
func (n *Net) Train(examples []Example, f Fit) {
	t := &trainer{Fit: f, net: n}
	for i := range shards {
		t.passes[i] = n.NewPass(shard).train()
		if f.Teacher != nil {
			t.taught[i] = f.Teacher.NewPass(shard)
		}
	}
	for _, w := range n.tensors {
		t.m, t.v = append(t.m, make([]float32, len(w.W))), append(t.v, make([]float32, len(w.W)))
		t.master = append(t.master, append([]float32(nil), w.W...))
	}
	if f.Mix > 0 {
		t.alike = map[kin][]*features.Window{}
		for _, e := range examples {
			t.alike[e.kin()] = append(t.alike[e.kin()], e.Window)
		}
	}
	r := rand.New(rand.NewPCG(f.Seed, 11))
	steps := f.Epochs * max(1, len(examples)/(shard*shards))
	for epoch := range f.Epochs {
		order := r.Perm(len(examples))
		loss, count := 0.0, 0
		for at := 0; at < max(1, len(order)/(shard*shards)); at++ {
			loss += t.one(examples, order[at*shard*shards:min(len(order), (at+1)*shard*shards)], f.Seed+uint64(t.step)*977)
			count++
			t.adam(t.rate(float64(t.step) / float64(steps)))
		}
		if f.Progress != nil {
			f.Progress(epoch, loss/float64(count))
		}
	}
	if f.Rounded {
		n.Round()
	}
}

// rate rises, and falls as a cosine.
func (t *trainer) rate(done float64) float64 {
	if done < warm {
		return t.Rate * (0.04 + 0.96*done/warm)
	}
	return t.Rate * (0.5 + 0.5*math.Cos(math.Pi*(done-warm)/(1-warm)))
}

// one is a step's gradients: the examples in shards, side by side.
func (t *trainer) one(examples []Example, order []int, seed uint64) (loss float64) {
	var wait sync.WaitGroup
	var losses [shards]float64
	for i := range shards {
		from, to := i*len(order)/shards, (i+1)*len(order)/shards
		if from == to {
			continue
		}
		wait.Go(func() {
			losses[i] = t.shard(i, examples, order[from:to], len(order), rand.New(rand.NewPCG(seed, uint64(i))))
		})
	}
	wait.Wait()
	for _, l := range losses {
		loss += l
	}
	return loss
}

func (t *trainer) shard(i int, examples []Example, order []int, all int, r *rand.Rand) (loss float64) {
	windows := make([]*features.Window, len(order))
	for j, at := range order {
		windows[j] = t.seen(examples[at], r)
	}
	c, p := t.net.Classes, t.passes[i]
	logits := p.forward(windows)
	grad := make([]float32, len(logits))
	var taught []float32
	if t.Teacher != nil {
		taught = t.taught[i].forward(windows)
	}
	own, other, soft := make([]float32, c), make([]float32, c), make([]float32, c)
	for j, at := range order {
		row := logits[j*c : (j+1)*c]
		copy(own, row)
		softmax(own, nil)
		loss -= math.Log(float64(own[examples[at].Class])+1e-9) / float64(all)
		for k := range own {
			label := float32(smooth) / float32(c)
			if k == examples[at].Class {
				label += 1 - smooth
			}
			grad[j*c+k] = own[k] - label
		}
		if taught == nil {
			continue
		}
		for k := range own {
			soft[k], other[k] = row[k]/softness, taught[j*c+k]/softness
		}
		softmax(soft, nil)
		softmax(other, nil)
		for k := range own {
			grad[j*c+k] = (1-lean)*grad[j*c+k] + lean*softness*(soft[k]-other[k])
		}
	}
	for k := range grad {
		grad[k] /= float32(all)
	}
	p.backward(len(order), grad)
	return loss
}

// kin are examples whose senses may be mixed.
type kin struct {
	class  int
	recent bool
}

func (e Example) kin() kin { return kin{e.Class, e.Recent} }

// seen is an example's window as it is trained on this time.
func (t *trainer) seen(e Example, r *rand.Rand) *features.Window {
	w := e.Window
	if t.Mix > 0 && r.Float64() < t.Mix {
		alike := t.alike[e.kin()]
		w = mixed(w, alike[r.IntN(len(alike))], r)
	}
	if e.Recent {
		return w
	}
	return drop(w, t.Drop, r)
}

// mixed takes every second sense from another window, where both have it.
func mixed(w, other *features.Window, r *rand.Rand) *features.Window {
	c := *w
	for s, span := range features.Spans {
		if w.Has[s] && other.Has[s] && r.IntN(2) == 0 {
			copy(c.X[span[0]*width:span[1]*width], other.X[span[0]*width:span[1]*width])
		}
	}
	return &c
}

// drop takes senses away, but leaves one.
func drop(w *features.Window, share float64, r *rand.Rand) *features.Window {
	if share == 0 {
		return w
	}
	c := *w
	for _, s := range r.Perm(features.Senses) {
		if r.Float64() < share && c.Count() > 1 {
			c.Drop(features.Sense(s))
		}
	}
	return &c
}

// adam is a step of Adam with decoupled decay (Loshchilov and Hutter, 2019).
func (t *trainer) adam(rate float64) {
	t.step++
	norm := 0.0
	for i := range t.net.tensors {
		g := t.passes[0].grads[i]
		for _, p := range t.passes[1:] {
			for j, v := range p.grads[i] {
				g[j] += v
			}
			clear(p.grads[i])
		}
		for _, v := range g {
			norm += float64(v) * float64(v)
		}
	}
	cut := float32(1)
	if norm = math.Sqrt(norm); norm > clipNorm {
		cut = float32(clipNorm / norm)
	}
	c1, c2 := 1-math.Pow(beta1, float64(t.step)), 1-math.Pow(beta2, float64(t.step))
	for i, w := range t.net.tensors {
		g, m, v, master := t.passes[0].grads[i], t.m[i], t.v[i], t.master[i]
		shrink := float32(0)
		if w.Rows > 1 {
			shrink = float32(rate * decay)
		}
		for j, x := range g {
			x *= cut
			m[j] = beta1*m[j] + (1-beta1)*x
			v[j] = beta2*v[j] + (1-beta2)*x*x
			master[j] -= float32(rate*float64(m[j])/c1/(math.Sqrt(float64(v[j])/c2)+1e-8)) + shrink*master[j]
		}
		clear(g)
		copy(w.W, master)
	}
	if t.Rounded {
		t.net.Round()
	}
}

// Calibrate sets Heat so that the likelihood of examples is highest.
func (n *Net) Calibrate(examples []Example) {
	n.Heat = 1
	p := n.NewPass(1)
	logits := make([][]float32, len(examples))
	for i, e := range examples {
		logits[i] = append([]float32(nil), p.forward([]*features.Window{e.Window})...)
	}
	best := math.Inf(1)
	row := make([]float32, n.Classes)
	for step := range 60 {
		heat := float32(0.3 * math.Pow(1.05, float64(step)))
		loss := 0.0
		for i, e := range examples {
			for j, v := range logits[i] {
				row[j] = v / heat
			}
			softmax(row, nil)
			loss -= math.Log(float64(row[e.Class]) + 1e-9)
		}
		if loss < best {
			best, n.Heat = loss, heat
		}
	}
}
