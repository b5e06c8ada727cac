package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/persistence/pgtest"
)

// Flood has phones ask far more of a node than it can do: half of what they send are
// orders, half reads of the menu's and the store's topics. Kitchens bump, tills take cash
// and some guests order meanwhile, at a steady pace, as they do before; their times count from
// when each command was due. These guests do what the phones do not: refused, they come
// back when they were told to. The node has the limits that it always has, but for those of one
// address, since all clients are at this one. On a machine whose processors the phones
// share with the node, they run only while nobody else wants to (SCHED_IDLE; where that is not
// there, nice 19): they stand for thousands that have processors of their own. What they asked
// all the same, what of it their kernels took, for a node may leave it unread, and what was
// answered is in the report. A round in which the machine's host took processors for others is
// played again: p99 is of the slowest hundredth, and that would be the host's.
type Flood struct {
	Phones      int           `default:"2000" help:"Guests' connections."`
	Times       float64       `default:"10" help:"How many times what the node can do is asked of it."`
	Capacity    float64       `help:"Messages a second that the node can do; measured first where it is not given."`
	Stores      int           `default:"10" help:"Stores that all is spread over."`
	Duration    time.Duration `default:"30s" help:"Of a flood, and of the time without one before it."`
	Rounds      int           `default:"5" help:"Floods; medians are reported, with their range."`
	Again       int           `default:"10" help:"How many rounds, of all, may be played again for what the host took of them."`
	Stolen      float64       `default:"0.005" help:"The share of the processors that the host may have taken."`
	SQLite      bool          `name:"sqlite" help:"Without PostgreSQL."`
	DatabaseURL string        `help:"PostgreSQL to use; without it a temporary one is started." env:"BRIGATA_DATABASE_URL"`
	Profile     string        `help:"Write the node's CPU profile of the first flood to this file."`
	JSON        bool          `name:"json" help:"One JSON object a line instead of a table."`
}

const (
	screensEach = 4 // kitchens, and tills, of a store
	// workEvery is how often each of them has something to do.
	workEvery   = 200 * time.Millisecond
	capacityFor = 3 * time.Second
	// recoveredAfter guests' orders in a row are taken, each within recoveredWithin.
	recoveredAfter  = 20
	recoveredWithin = 100 * time.Millisecond
	neverRecovers   = 30 * time.Second
)

// Run runs it.
func (f *Flood) Run(ctx context.Context) error {
	s := &suite{Suite: &Suite{Duration: f.Duration}, ctx: ctx, database: f.DatabaseURL}
	if s.database == "" && !f.SQLite {
		pg, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			return err
		}
		defer pg.Stop()
		s.database, s.postmaster = pg.URL(), pg.PID()
	}
	s.report.workload = "flood"
	r := floodRun{Flood: f, suite: s}
	defer r.end()
	capacity := f.Capacity
	if capacity == 0 {
		var err error
		if capacity, err = r.capacity(); err != nil {
			return err
		}
	}
	err := r.rounds(capacity)
	if f.JSON {
		return errors.Join(err, s.report.json(os.Stdout))
	}
	s.report.table(os.Stdout)
	return err
}

// rounds plays as many as are asked for, and those again of which the host took too much.
func (r *floodRun) rounds(capacity float64) error {
	again := 0
	for played := 0; played < r.Rounds; {
		took, err := r.round(capacity, again < r.Again)
		if err != nil {
			return err
		}
		if took {
			again++
			continue
		}
		played++
	}
	r.add("rounds_played_again", float64(again), "1")
	return nil
}

// floodRun is a node, its phones, and the kitchens and tills that go on.
type floodRun struct {
	*Flood
	suite    *suite
	house    *house
	phones   *phonesProcess
	kitchens []*socket
	tills    []*socket
	guests   []*socket
	refused  atomic.Int64 // of the guests
	orders   [][]taken    // by store: to be bumped and paid
}

// taken is an order that a kitchen and a till have work with.
type taken struct {
	id    string
	total int64
}

func (r *floodRun) store(i int) string { return fmt.Sprintf("bench-%d", i%r.Stores) }

// start starts a node, and phones that log in; yielding ones run while nobody else wants to.
func (r *floodRun) start(yielding bool, flags ...string) (err error) {
	var documents [][]byte
	for i := range r.Stores {
		documents = append(documents, benchDocument(r.store(i)))
	}
	if r.house, err = r.suite.node(documents, flags...); err != nil {
		return err
	}
	r.phones, err = r.startPhones(yielding)
	return err
}

// screens logs the kitchens and tills in.
func (r *floodRun) screens() error {
	for i := range screensEach * r.Stores {
		for _, screen := range []struct {
			role string
			all  *[]*socket
		}{{"kitchen", &r.kitchens}, {"cashier", &r.tills}} {
			s, err := r.enter(fmt.Sprintf("%s-%d", screen.role, i), r.store(i), screen.role)
			if err != nil {
				return err
			}
			*screen.all = append(*screen.all, s)
		}
	}
	for i := range recoveredAfter {
		s, err := r.enter(newID(), r.store(i), "guest")
		if err != nil {
			return err
		}
		r.guests = append(r.guests, s)
	}
	return nil
}

func (r *floodRun) enter(user, store, role string) (*socket, error) {
	s, err := dial(r.house.addr)
	if err != nil {
		return nil, err
	}
	return s, s.login(tokenOf(r.house.keys, user, store, role), "")
}

func (r *floodRun) end() {
	hangUp(slices.Concat(r.kitchens, r.tills, r.guests))
	if r.phones != nil {
		r.phones.end()
	}
	if r.house != nil {
		r.house.end()
	}
	r.phones, r.house, r.kitchens, r.tills, r.guests = nil, nil, nil, nil, nil
}

// take has waiters order what the kitchens and tills need for a round, each at the pace
// that its connection may keep.
func (r *floodRun) take() error {
	each := int(2*r.Duration/workEvery) + 2
	r.orders = make([][]taken, r.Stores)
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range r.Stores * screensEach {
		all.Go(func() {
			mine, err := r.takeAt(r.store(i), i, each)
			mu.Lock()
			defer mu.Unlock()
			r.orders[i%r.Stores], failed = append(r.orders[i%r.Stores], mine...), errors.Join(failed, err)
		})
	}
	all.Wait()
	return failed
}

func (r *floodRun) takeAt(store string, i, count int) (all []taken, err error) {
	s, err := r.enter(fmt.Sprintf("waiter-%d", i), store, "waiter")
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	pace := time.NewTicker(time.Second / 20)
	defer pace.Stop()
	for id := 2; len(all) < count; id++ {
		<-pace.C
		_, d, err := s.do(id, "order.place", newID(), pickup)
		if err != nil {
			return nil, err
		}
		var placed struct {
			Order string
			Total int64
		}
		if err := json.Unmarshal(d, &placed); err != nil {
			return nil, err
		}
		all = append(all, taken{placed.Order, placed.Total})
	}
	return all, nil
}

// pickup is the data of the orders of a flood.
const pickup = `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}]}`

// capacity is how many messages a second the phones are answered when each waits for its
// answers, by a node that refuses nothing for load.
func (r *floodRun) capacity() (perSecond float64, err error) {
	defer r.end()
	if err := r.start(false); err != nil {
		return 0, err
	}
	if err := r.phones.ask("capacity "+capacityFor.String(), &perSecond); err != nil {
		return 0, err
	}
	r.add("capacity_per_s", perSecond, "1/s")
	return perSecond, nil
}

func (r *floodRun) add(metric string, value float64, unit string) {
	r.suite.report.add("flood", metric, value, unit)
}

// round is a time without a flood, a flood, and what comes after it, on a node of its own: nobody
// hands the orders over, and what is left in memory of one round would be in the next one's way.
// When the host took too much of it and it may be played again, it says so, and reports nothing.
func (r *floodRun) round(capacity float64, mayAgain bool) (again bool, err error) {
	defer r.end()
	if err := r.start(true, "--guarded"); err != nil {
		return false, err
	}
	if err := r.screens(); err != nil {
		return false, err
	}
	if err := r.take(); err != nil {
		return false, fmt.Errorf("before the flood: %w", err)
	}
	pid := r.house.cmd.Process.Pid
	sample := sampler(pid, r.suite.postmaster)
	before, idle, stolen := resident(pid), sample(), stealing()
	quiet, err := r.work(0)
	if err != nil {
		return false, fmt.Errorf("before the flood: %w", err)
	}
	idle = sample().minus(idle)
	stolenQuiet := stolen()
	if mayAgain && stolenQuiet > r.Stolen {
		return true, nil
	}
	if r.Profile != "" {
		defer r.profile()()
	}
	if err := r.phones.say(fmt.Sprintf("flood %g", capacity*r.Times)); err != nil {
		return false, err
	}
	most := watchResident(pid)
	used, stolen := sample(), stealing()
	r.refused.Store(0)
	flooded, err := r.work(1)
	if err != nil {
		most()
		return false, fmt.Errorf("under the flood: %w", err)
	}
	used = sample().minus(used)
	stolenFlood := stolen()
	ended := time.Now()
	told := make(chan error, 1)
	var heard heard
	go func() { told <- r.phones.ask("stop", &heard) }()
	recovered, err := recovers(r.guests, ended)
	peak := most()
	if err = errors.Join(err, <-told); err != nil {
		return false, err
	}
	if mayAgain && stolenFlood > r.Stolen {
		return true, nil
	}
	for i, name := range []string{"bump", "payment", "guest"} {
		q, f := ms(percentile(quiet[i], 0.99)), ms(percentile(flooded[i], 0.99))
		r.add(name+"_p50_quiet_ms", ms(percentile(quiet[i], 0.5)), "ms")
		r.add(name+"_p50_flood_ms", ms(percentile(flooded[i], 0.5)), "ms")
		r.add(name+"_p99_quiet_ms", q, "ms")
		r.add(name+"_p99_flood_ms", f, "ms")
		r.add(name+"_p99_ratio", f/q, "1")
	}
	r.add("guest_refused_each", float64(r.refused.Load())/float64(len(flooded[2])), "1")
	r.add("recovery_ms", ms(recovered), "ms")
	r.add("resident_before_mib", mib(before), "MiB")
	r.add("resident_most_mib", mib(peak), "MiB")
	r.add("resident_after_mib", mib(resident(pid)), "MiB")
	r.add("node_cores_quiet", idle.server.Seconds()/r.Duration.Seconds(), "1")
	r.add("node_cores", used.server.Seconds()/r.Duration.Seconds(), "1")
	r.add("stolen_quiet", stolenQuiet, "1")
	r.add("stolen_flood", stolenFlood, "1")
	r.add("db_cores", used.database.Seconds()/r.Duration.Seconds(), "1")
	return false, r.heard(&heard, capacity)
}

// heard reports what the phones were answered. A refusal that does not say when to come
// back, or one that is not for load, is an error.
func (r *floodRun) heard(h *heard, capacity float64) error {
	perSecond := func(n int64) float64 { return float64(n) / h.Seconds }
	r.add("asked_times_capacity", perSecond(h.Asked)/capacity, "1")
	r.add("sent_times_capacity", perSecond(h.Sent)/capacity, "1")
	r.add("done_per_s", perSecond(h.Done), "1/s")
	var refused int64
	for _, code := range slices.Sorted(maps.Keys(h.Refused)) {
		n := h.Refused[code]
		refused += n
		r.add("refused_per_s "+code, perSecond(n), "1/s")
	}
	r.add("answered_times_capacity", perSecond(h.Done+refused)/capacity, "1")
	r.add("closed", float64(h.Closed), "1")
	if refused == 0 {
		return fmt.Errorf("nothing was refused: this was no flood: %d messages in %.1f s, %d answered, where %.0f a second can be", h.Asked, h.Seconds, h.Done, capacity)
	}
	r.add("says_when_to_retry", float64(refused-h.Unclear)/float64(refused), "1")
	if h.Unclear > 0 {
		return fmt.Errorf("%d refusals of %d do not say when to come back", h.Unclear, refused)
	}
	return nil
}

// work has every kitchen bump, every till take cash and some guests order for a while, and
// returns how long each of these took, sorted. part says which orders are kitchens' and tills'.
func (r *floodRun) work(part int) (took [3][]time.Duration, err error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for kind, clients := range [][]*socket{r.kitchens, r.tills, r.guests} {
		for i, s := range clients {
			mine := r.orders[i%r.Stores]
			mine, first := mine[len(mine)/2*part:], i/r.Stores
			offset := workEvery * time.Duration(3*i+kind) / time.Duration(3*len(clients))
			all.Go(func() {
				var lat []time.Duration
				var failed error
				for n := 0; failed == nil; n++ {
					due := began.Add(offset + time.Duration(n)*workEvery)
					if due.Sub(began) >= r.Duration {
						break
					}
					time.Sleep(time.Until(due))
					switch id, o := 1000+n, mine[first+screensEach*n]; kind {
					case 0:
						_, _, failed = s.do(id, "item.bump", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, o.id))
					case 1:
						_, _, failed = s.do(id, "payment.create", newID(), fmt.Sprintf(`{"order":%q,"provider":"cash","amount":%d}`, o.id, o.total))
					case 2:
						failed = r.orderAt(s, int64(id))
					}
					lat = append(lat, time.Since(due))
				}
				mu.Lock()
				defer mu.Unlock()
				took[kind], err = append(took[kind], lat...), errors.Join(err, failed)
			})
		}
	}
	all.Wait()
	for i := range took {
		slices.Sort(took[i])
	}
	return took, err
}

// orderAt has a guest order, and come back when it is told to until the order is taken.
func (r *floodRun) orderAt(s *socket, id int64) error {
	frame := fmt.Appendf(nil, `{"id":%d,"cmd":"order.place","cid":%q,"d":%s}`, id, newID(), pickup)
	for {
		p, err := s.answerWithin(neverRecovers, frame, id)
		if err != nil {
			return err
		}
		if _, ok := placedNo(p); ok {
			return nil
		}
		var no struct{ Err refusal.Refusal }
		if err := json.Unmarshal(p, &no); err != nil || !no.Err.Code.Retry() || no.Err.AfterMS <= 0 {
			return fmt.Errorf("a guest's order: %s", p)
		}
		r.refused.Add(1)
		time.Sleep(time.Duration(no.Err.AfterMS) * time.Millisecond)
	}
}

func hangUp(all []*socket) {
	for _, s := range all {
		s.conn.Close()
	}
}

// recovers returns how long after a time guests' orders are taken again, one after the other.
func recovers(guests []*socket, since time.Time) (time.Duration, error) {
	var first time.Time
	for id, row := 2, 0; row < recoveredAfter; id++ {
		began := time.Now()
		if began.Sub(since) > neverRecovers {
			return 0, fmt.Errorf("guests' orders are not taken %v after the flood", neverRecovers)
		}
		p, err := guests[id%len(guests)].answerWithin(neverRecovers, fmt.Appendf(nil, `{"id":%d,"cmd":"order.place","cid":%q,"d":%s}`, id, newID(), pickup), int64(id))
		if err != nil {
			return 0, err
		}
		if _, ok := placedNo(p); !ok || time.Since(began) > recoveredWithin {
			row = 0
			continue
		}
		if row++; row == 1 {
			first = began
		}
	}
	return first.Sub(since), nil
}

// profile has the node write its CPU profile of the coming flood; the end waits for it.
func (r *floodRun) profile() (end func()) {
	file := r.Profile
	r.Profile = ""
	told := make(chan error, 1)
	go func() {
		q, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.house.addr, int(r.Duration.Seconds())), nil)
		if err != nil {
			told <- err
			return
		}
		q.Header.Set("Authorization", "Bearer "+r.house.token(r.store(0), "admin"))
		w, err := http.DefaultClient.Do(q)
		if err != nil {
			told <- err
			return
		}
		defer w.Body.Close()
		b, err := io.ReadAll(w.Body)
		told <- errors.Join(err, os.WriteFile(file, b, 0o644))
	}()
	return func() {
		if err := <-told; err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
		}
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// watchResident looks until it is asked what the most was, in bytes.
func watchResident(pid int) func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for is := int64(0); ; is = max(is, resident(pid)) {
			select {
			case <-tick.C:
			case <-stop:
				most <- is
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}
