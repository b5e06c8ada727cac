package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// Plan is all that a run is made of: its seed, how bad its network is, what its clients
// want and what goes wrong when. A run that fails is made shorter by taking from it.
type Plan struct {
	Seed    uint64
	Nodes   int
	Others  []string // stores that nobody visits: their cells are claimed, and move
	Calm    bool     // nothing goes wrong by itself
	CrashAt int      // the step of a process at which it is killed; 0: none

	Began    time.Time
	Heal     int64 // from then on nothing goes wrong, in µs
	End      int64
	Document string // of the store

	Drop, Twice, Tail float64 // shares of messages between gateways and nodes
	Slow              float64 // share of commits
	Panics            float64 // share of turns
	IdleAfter         time.Duration
	RowsMax           int
	Turn              int64 // the most that an entity's turn waits for its turn, mostly, in µs

	Warm   []Span // when the sensor is over its limit; none: it measures nothing
	Chains []Chain
	Faults []Fault
}

// Span is from At on, for a while, in µs.
type Span struct{ At, For int64 }

// Chain is one client's story: each step starts some time after the answer to the one
// before.
type Chain struct {
	At    int64 // µs
	Steps []Step
}

// Step is one command or read. In D, "$x" stands for the value of x in the latest reply
// that had one.
type Step struct {
	Wait   int64 // µs after the last answer
	Cmd    string
	D      string
	ID     command.ID // of a command
	Read   command.Target
	By     command.Role
	Tries  int  // then the phone dies; 0: it never does
	By2    bool // under another principal
	Ignore bool // the next step does not wait for this one's answer
}

// Fault is something that goes wrong with a node, or with the database.
type Fault struct {
	At   int64
	Kind string
	Node int
	For  int64
}

// faultKinds are those that a plan takes from; a swarm leaves about half of them out.
var faultKinds = []string{"crash", "respawn", "restart", "pause", "dbcut", "dbmute", "gwcut", "dbcrash", "intruder", "clock", "suspend", "gossip", "stray"}

// Options narrow what a seed plans.
type Options struct {
	Faults  []string // instead of the swarm's choice
	Slow    float64  // instead of its choice
	Tail    float64
	Panics  float64
	Nodes   int
	Cells   int  // more stores
	Readers bool // most clients look, few do anything
	Idle    bool // entities leave memory as soon as they may
	Lazy    bool // messages within a cell take long
	Long    bool // what goes wrong goes wrong for long
	Calm    bool
	Short   bool // few clients: for sweeps
	CrashAt int
}

// NewPlan makes a seed's plan.
func NewPlan(seed uint64, o Options) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x57072135))
	p := &Plan{Seed: seed, Nodes: 1 + r.IntN(3), Calm: o.Calm, CrashAt: o.CrashAt, Heal: 14 * second, End: 40 * second,
		Began: began(r), Document: document(r), IdleAfter: 10 * time.Minute, RowsMax: 1 + r.IntN(40)}
	if p.Turn = 30; r.IntN(3) == 0 || o.Lazy {
		p.Turn = 3 * millisecond
	}
	if o.Nodes > 0 {
		p.Nodes = o.Nodes
	}
	for i := range max(o.Cells, r.IntN(2)*r.IntN(3)) {
		p.Others = append(p.Others, fmt.Sprintf("quiet-%d", i))
	}
	if r.IntN(2) == 0 || o.Idle {
		p.IdleAfter = time.Duration(1+r.IntN(2000)) * time.Millisecond
	}
	g := &storyteller{plan: p, rand: r, readers: r.IntN(4) == 0 || o.Readers}
	chains := 14 + r.IntN(10)
	if o.Short {
		chains = 3
		p.Heal, p.End = 4*second, 16*second
		if !o.Calm { // what begins late takes its time
			p.End = 40 * second
		}
	}
	for range chains {
		g.chain()
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(2) {
			p.Warm = append(p.Warm, Span{r.Int64N(p.Heal), r.Int64N(8 * second)})
		}
	}
	if o.Calm {
		return p
	}
	level := func(most float64) float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return most * r.Float64()
	}
	p.Drop, p.Twice, p.Tail, p.Slow, p.Panics = level(0.1), level(0.2), level(0.15), level(0.3), level(0.02)
	kinds := swarm(r, o.Faults)
	if o.Slow > 0 {
		p.Slow = o.Slow
	}
	if o.Tail > 0 {
		p.Tail = o.Tail
	}
	if o.Panics > 0 {
		p.Panics = o.Panics
	}
	gap := 100*millisecond + r.Int64N(900*millisecond)
	if o.Long {
		gap += 2 * second // else everybody is away at once
	}
	for at := r.Int64N(second); at < p.Heal && len(kinds) > 0; at += 1 + r.Int64N(2*gap) {
		f := newFault(r, at, kinds[r.IntN(len(kinds))], r.IntN(p.Nodes))
		if o.Long {
			f.For = max(f.For, 3*second)
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}

// began is mostly lunch time, and sometimes just before a new business day.
func began(r *rand.Rand) time.Time {
	if r.IntN(4) == 0 {
		return time.Date(2026, 11, 22, 4, 59, 52, 0, time.UTC)
	}
	return time.Date(2026, 11, 22, 11, 30, 0, 0, time.UTC)
}

func swarm(r *rand.Rand, only []string) (kinds []string) {
	if len(only) > 0 {
		return only
	}
	for _, k := range faultKinds {
		if r.IntN(2) == 0 {
			kinds = append(kinds, k)
		}
	}
	if r.IntN(3) == 0 { // few kinds, often: what one kind alone can do is else seldom seen
		r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		kinds = kinds[:min(len(kinds), 1+r.IntN(2))]
	}
	return kinds
}

func newFault(r *rand.Rand, at int64, kind string, node int) Fault {
	between := func(a, b int64) int64 { return a + r.Int64N(b-a+1) }
	f := Fault{At: at, Kind: kind, Node: node}
	switch kind {
	case "crash":
		f.For = between(100*millisecond, 3*second)
	case "respawn": // at once: the dead one's commits may still be in flight
		f.For = between(1*millisecond, 6*millisecond)
	case "gossip":
		f.For = between(100*millisecond, 5*second)
	case "pause", "suspend":
		f.For = between(50*millisecond, 7*second)
	case "dbcut":
		f.For = between(100*millisecond, 5*second)
	case "dbmute":
		f.For = between(50*millisecond, 3*second)
	case "gwcut":
		f.For = between(100*millisecond, 4*second)
	case "dbcrash":
		f.For = between(50*millisecond, 1500*millisecond)
	case "clock":
		f.For = between(-3*second, 3*second)
	}
	return f
}

func (f Fault) String() string {
	return fmt.Sprintf("%7.3fs %s of node %d, %d ms", float64(f.At)/float64(second), f.Kind, f.Node, f.For/millisecond)
}
