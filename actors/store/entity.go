// Package store is a store as a whole: its configuration, business date, order
// numbers, paused channels and the closing of a day.
//
//	(none) ──Configure──▶ open ──CloseDay──▶ closed ──next business date──▶ open
//	                        └──PauseChannel──▶ (a channel) paused ──▶ resumed
//
// Its one promise: an order number is given once for each business date. A number
// whose taker was lost in a crash is skipped: nobody has seen it.
package store

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/idmap"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// State of a store; the zero value is a store that nobody configured.
type State struct {
	Config   *Config
	Version  int64
	Date     string // business date
	Next     time.Time
	No       int // last order number of the date
	WaitMS   int64
	Paused   []Pause
	Unseeded []Seed   // stock that is still to be told what it starts with
	Untold   []Sensor // sensors that are still to be told what they are for
	Unused   []string // sensors that are still to be told that they are not
	Days     []Day    // oldest first, at most daysMax
	Payments idmap.Map[Takings]
}

// Day is what a business date took.
type Day struct {
	Date    string `json:"date"`
	Sales   int64  `json:"sales"` // minor units, net of refunds, without tips
	Cash    int64  `json:"cash"`  // in the drawer: sales and tips in cash, net of refunds
	Closed  bool   `json:"closed"`
	Counted int64  `json:"counted"`
	Takes   []Sum  `json:"providers,omitzero"` // in the order in which they came up
}

// Sum is what one way to pay brought in a day. Provider is "" for what was noted before
// providers were.
type Sum struct {
	Provider string `json:"provider"`
	Payments int    `json:"payments"`
	Amount   int64  `json:"amount"` // minor units, net of refunds, without tips
	Tip      int64  `json:"tip"`    // net of refunds
}

// Takings is what one payment brought so far.
type Takings struct {
	Date  string
	Sales int64
	Cash  int64
	Tip   int64
}

const daysMax = 14

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

type (
	// Configure loads or replaces the store document.
	Configure struct {
		command.Header `json:"-"`
		Config         *Config `json:"config"`
	}
	// TakeNumber asks for today's next order number; PrepMS is how long the order will take.
	TakeNumber struct {
		command.Header `json:"-"`
		Order          string
		PrepMS         int64
	}
	// PauseChannel stops a channel's orders until then; without Until it resumes them.
	PauseChannel struct {
		command.Header `json:"-"`
		Channel        string `json:"channel"`
		Until          Until  `json:"until,omitzero"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	// CloseDay settles a date against the cash that was counted.
	CloseDay struct {
		command.Header `json:"-"`
		Date           string `json:"date"`
		Counted        int64  `json:"counted"`
		Note           string `json:"note,omitzero"`
	}
	// PaymentTold says what a payment has brought so far: the whole, not the change.
	PaymentTold struct {
		command.Header `json:"-"`
		Payment        string
		Provider       string
		Amount         int64 // net of refunds, without tip
		Tip            int64
	}
	// SeedStock is owed to each stock of the document; the shell turns it into stock's own command.
	SeedStock struct{ Seed Seed }
	// SetSensor is owed to each sensor that the document names, or does not name any
	// more; the shell turns it into the sensor's own command.
	SetSensor struct {
		Sensor Sensor
		Safety FoodSafety
		Gone   bool
	}
)

// Event is what happened to a store.
type Event interface{ event() }

type (
	Configured struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Config *Config     `json:"config"`
		Date   string      `json:"date"`
		Next   time.Time   `json:"next_date_at"`
	}
	Seeded struct {
		Stock string `json:"stock"`
	}
	SensorTold struct {
		Sensor string `json:"sensor"`
	}
	NumberTaken struct {
		Order  string `json:"order"`
		No     int    `json:"no"`
		WaitMS int64  `json:"wait_ms"`
	}
	ChannelPaused struct {
		At      time.Time   `json:"at"`
		By      command.Who `json:"by"`
		Channel string      `json:"channel"`
		Until   time.Time   `json:"until,omitzero"`
		Reason  string      `json:"reason,omitzero"`
	}
	ChannelResumed struct {
		At      time.Time   `json:"at"`
		By      command.Who `json:"by"`
		Channel string      `json:"channel"`
	}
	DateBegan struct {
		Date string    `json:"date"`
		Next time.Time `json:"next_date_at"`
	}
	DayClosed struct {
		At      time.Time   `json:"at"`
		By      command.Who `json:"by"`
		Date    string      `json:"date"`
		Counted int64       `json:"counted"`
	}
	Took struct {
		Payment string `json:"payment"`
		Date    string `json:"date"`
		Sales   int64  `json:"sales"`
		Cash    int64  `json:"cash"`

		Provider string `json:"provider,omitzero"`
		Tip      int64  `json:"tip,omitzero"`
	}
)

func (*Configured) event()     {}
func (*Seeded) event()         {}
func (*SensorTold) event()     {}
func (*NumberTaken) event()    {}
func (*ChannelPaused) event()  {}
func (*ChannelResumed) event() {}
func (*DateBegan) event()      {}
func (*DayClosed) event()      {}
func (*Took) event()           {}

type (
	Number struct {
		No   int
		Date string
	}
	Applied struct {
		Store   string `json:"store"`
		Version int64  `json:"version"`
	}
	PauseReply struct {
		Channel string    `json:"channel"`
		Paused  bool      `json:"paused"`
		Until   time.Time `json:"until,omitzero"`
	}
	CloseReply struct {
		Date       string `json:"date"`
		Sales      int64  `json:"sales"`
		Expected   int64  `json:"expected"`
		Difference int64  `json:"difference"`
		Providers  []Sum  `json:"providers"`
	}
	// Ack says no more than that it was noted.
	Ack struct{}
)

// View is what topics tell of a store.
type View struct {
	ID       string    `json:"id"`
	Name     menu.Text `json:"name"`
	Zone     string    `json:"zone"`
	Currency string    `json:"currency"`
	Date     string    `json:"date"`
	Open     bool      `json:"open"`
	Paused   []Pause   `json:"paused"`
	WaitMS   int64     `json:"wait_ms"`
	// Providers are the ways to pay here: cash, terminal, and what the node has accounts at.
	Providers []string `json:"providers"`
}

var (
	ErrUnknown = refusal.New(refusal.NotFound, "", "There is no such store").With(refusal.Fields{Kind: "store"})
	errClosed  = refusal.New(refusal.Conflict, "state", "That day is closed already").With(refusal.Fields{Kind: "day", State: "closed"})
	errDate    = refusal.New(refusal.NotFound, "", "Nothing is known of that day").With(refusal.Fields{Kind: "day"})
	errChannel = refusal.New(refusal.NotFound, "", "There is no such channel").With(refusal.Fields{Kind: "channel"})
	errCounted = refusal.Faults(refusal.Fault{At: "/counted", Reason: "range"})
)

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) { return s.all(c) }

// Step is Decide that leaves in s what Apply makes of its events.
func Step(s *State, c Command) ([]Event, Reply, error) {
	events, reply, err := s.all(c)
	for _, e := range events {
		s.apply(e)
	}
	return events, reply, err
}

// all is Decide without a copy of the state, unless a new date begins.
func (s *State) all(c Command) ([]Event, Reply, error) {
	if c, ok := c.(*Configure); ok {
		return s.configure(c)
	}
	if s.Config == nil {
		return nil, nil, ErrUnknown
	}
	events := s.roll(c.Head())
	if len(events) == 0 {
		return s.decide(c)
	}
	next := *s
	for _, e := range events {
		next = Apply(next, e)
	}
	more, reply, err := next.decide(c)
	if err != nil {
		return nil, nil, err
	}
	return append(events, more...), reply, nil
}

// roll begins the next business date when it is time, whatever the command is for.
func (s *State) roll(h *command.Header) []Event {
	if h.At.Before(s.Next) {
		return nil
	}
	t := Of(h)
	return []Event{&DateBegan{t.BusinessDate(h.At), t.DayEnd(h.At)}}
}

func (s *State) decide(c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *TakeNumber:
		wait := c.PrepMS
		if s.WaitMS > 0 {
			wait = (7*s.WaitMS + c.PrepMS) / 8
		}
		return []Event{&NumberTaken{c.Order, s.No + 1, wait}}, &Number{s.No + 1, s.Date}, nil
	case *PauseChannel:
		return s.pause(c)
	case *CloseDay:
		return s.closeDay(c)
	case *PaymentTold:
		return s.took(c)
	case *command.Answered:
		if d, ok := c.Duty.Do.(*SeedStock); ok {
			return []Event{&Seeded{d.Seed.ID()}}, nil, nil
		}
		if d, ok := c.Duty.Do.(*SetSensor); ok && s.setting(c.Duty.N) {
			return []Event{&SensorTold{d.Sensor.ID}}, nil, nil
		}
		return nil, nil, nil
	case *command.Tick:
		return s.resume(c), nil, nil
	}
	panic("store: unknown command")
}

func (s *State) configure(c *Configure) ([]Event, Reply, error) {
	if bad := Check(c.Config); bad != nil {
		return nil, nil, bad
	}
	if bad := CheckChange(s.Config, c.Config, Of(&c.Header).Menu); bad != nil {
		return nil, nil, bad
	}
	t := State{Config: c.Config}.Today(nil, Of(&c.Header).Zone, nil)
	e := &Configured{c.At, c.By, c.Config, t.BusinessDate(c.At), t.DayEnd(c.At)}
	return []Event{e}, &Applied{c.Config.ID, s.Version + 1}, nil
}

func (s *State) pause(c *PauseChannel) ([]Event, Reply, error) {
	t := Of(&c.Header)
	if !slices.ContainsFunc(s.Config.Channels, func(x Channel) bool { return x.ID == c.Channel }) {
		return nil, nil, errChannel.With(refusal.Fields{Kind: "channel", ID: c.Channel})
	}
	if c.Until == "" {
		if _, paused := t.PausedUntil(c.Channel, c.At); !paused {
			return nil, &PauseReply{Channel: c.Channel}, nil
		}
		return []Event{&ChannelResumed{c.At, c.By, c.Channel}}, &PauseReply{Channel: c.Channel}, nil
	}
	if err := t.NeedReason(c.Reason); err != nil {
		return nil, nil, err
	}
	until, err := c.Until.Time(t, c.At)
	if err != nil {
		return nil, nil, err
	}
	return []Event{&ChannelPaused{c.At, c.By, c.Channel, until, c.Reason}}, &PauseReply{c.Channel, true, until}, nil
}

// resume ends the pauses whose time is over.
func (s *State) resume(c *command.Tick) (events []Event) {
	for _, p := range s.Paused {
		if !p.Until.IsZero() && !c.At.Before(p.Until) {
			events = append(events, &ChannelResumed{c.At, command.Who{}, p.Channel})
		}
	}
	return events
}

func (s *State) closeDay(c *CloseDay) ([]Event, Reply, error) {
	if c.Counted < 0 {
		return nil, nil, errCounted
	}
	i := s.day(c.Date)
	if i < 0 {
		return nil, nil, errDate.With(refusal.Fields{Kind: "day", ID: c.Date})
	}
	d := s.Days[i]
	if d.Closed {
		return nil, nil, errClosed.With(refusal.Fields{Kind: "day", ID: c.Date, State: "closed"})
	}
	return []Event{&DayClosed{c.At, c.By, c.Date, c.Counted}}, &CloseReply{c.Date, d.Sales, d.Cash, c.Counted - d.Cash, append([]Sum{}, d.Takes...)}, nil
}

func (s *State) took(c *PaymentTold) ([]Event, Reply, error) {
	had, known := s.Payments.Get(c.Payment)
	now := Takings{Date: s.Date, Sales: c.Amount, Tip: c.Tip}
	if known {
		now.Date = had.Date
	}
	if c.Provider == "cash" {
		now.Cash = c.Amount + c.Tip
	}
	if known && now == had {
		return nil, &Ack{}, nil
	}
	return []Event{&Took{c.Payment, now.Date, now.Sales, now.Cash, c.Provider, now.Tip}}, &Ack{}, nil
}

func (s *State) day(date string) int {
	return slices.IndexFunc(s.Days, func(d Day) bool { return d.Date == date })
}

func (s *State) closed(date string) bool {
	i := s.day(date)
	return i >= 0 && s.Days[i].Closed
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	s.apply(e)
	return s
}

// apply is Apply in place; what s shares with others it copies before it changes it.
func (s *State) apply(e Event) {
	switch e := e.(type) {
	case *Configured:
		*s = s.configured(e)
	case *Seeded:
		s.Unseeded = slices.DeleteFunc(slices.Clone(s.Unseeded), func(x Seed) bool { return x.ID() == e.Stock })
	case *SensorTold:
		s.Untold = slices.DeleteFunc(slices.Clone(s.Untold), func(x Sensor) bool { return x.ID == e.Sensor })
		s.Unused = slices.DeleteFunc(slices.Clone(s.Unused), func(id string) bool { return id == e.Sensor })
	case *NumberTaken:
		s.No, s.WaitMS = e.No, e.WaitMS
	case *ChannelPaused:
		s.Paused = append(s.unpaused(e.Channel), Pause{e.Channel, e.Until})
	case *ChannelResumed:
		s.Paused = s.unpaused(e.Channel)
	case *DateBegan:
		*s = s.began(e.Date, e.Next)
	case *DayClosed:
		s.Days = slices.Clone(s.Days)
		i := s.day(e.Date)
		s.Days[i].Closed, s.Days[i].Counted = true, e.Counted
	case *Took:
		*s = s.add(e)
	}
}

// configured owes a seed to each stock that the last document did not name: a second
// load leaves counts as they are.
func (s State) configured(e *Configured) State {
	had := map[string]bool{}
	if s.Config != nil {
		for _, x := range s.Config.Stock {
			had[x.ID()] = true
		}
	}
	s.Unseeded = slices.Clone(s.Unseeded)
	for _, x := range e.Config.Stock {
		if !had[x.ID()] {
			s.Unseeded = append(s.Unseeded, x)
		}
	}
	s.sensors(e.Config)
	s.Config = e.Config
	s.Version++
	if s.Date != e.Date {
		return s.began(e.Date, e.Next)
	}
	s.Next = e.Next
	return s
}

// sensors owes every sensor of the document what it says of them: they know whether it
// is news. Those that it does not name any more are told that.
func (s *State) sensors(next *Config) {
	s.Untold = next.Sensors
	if s.Config == nil {
		return
	}
	s.Unused = slices.Clone(s.Unused)
	for _, x := range s.Config.Sensors {
		s.Unused = append(s.Unused, x.ID)
	}
	s.Unused = slices.DeleteFunc(s.Unused, func(id string) bool {
		return slices.ContainsFunc(next.Sensors, func(x Sensor) bool { return x.ID == id })
	})
}

// setting says that an answer is to what the document says now.
func (s *State) setting(n int64) bool { return n == s.Version }

func (s State) began(date string, next time.Time) State {
	s.Date, s.Next, s.No = date, next, 0
	s.Days = append(slices.Clone(s.Days), Day{Date: date})
	if gone := len(s.Days) - daysMax; gone > 0 {
		s.Days = s.Days[gone:]
	}
	for id, t := range s.Payments.All() {
		if s.day(t.Date) < 0 {
			s.Payments = s.Payments.Without(id)
		}
	}
	return s
}

func (s State) unpaused(channel string) []Pause {
	return slices.DeleteFunc(slices.Clone(s.Paused), func(p Pause) bool { return p.Channel == channel })
}

func (s State) add(e *Took) State {
	had, known := s.Payments.Get(e.Payment)
	s.Payments = s.Payments.With(e.Payment, Takings{e.Date, e.Sales, e.Cash, e.Tip})
	s.Days = slices.Clone(s.Days)
	if i := s.day(e.Date); i >= 0 {
		s.Days[i].Sales += e.Sales - had.Sales
		s.Days[i].Cash += e.Cash - had.Cash
		change := Sum{Provider: e.Provider, Amount: e.Sales - had.Sales, Tip: e.Tip - had.Tip}
		if !known {
			change.Payments = 1
		}
		s.Days[i].Takes = add(s.Days[i].Takes, change)
	}
	return s
}

// add counts a change among sums, in a copy.
func add(sums []Sum, x Sum) []Sum {
	sums = slices.Clone(sums)
	i := slices.IndexFunc(sums, func(s Sum) bool { return s.Provider == x.Provider })
	if i < 0 {
		return append(sums, x)
	}
	sums[i].Payments, sums[i].Amount, sums[i].Tip = sums[i].Payments+x.Payments, sums[i].Amount+x.Amount, sums[i].Tip+x.Tip
	return sums
}

// Owes is the seed of each stock that was not told yet, and to each sensor what it is for.
func Owes(s State) []Duty { return s.Owes() }

// Owes is Owes without a copy of the state.
func (s *State) Owes() []Duty {
	n := len(s.Unseeded) + len(s.Untold) + len(s.Unused)
	if n == 0 {
		return nil
	}
	duties := make([]Duty, 0, n)
	for _, x := range s.Unseeded {
		duties = append(duties, Duty{To: command.Target{Kind: "stock", ID: x.ID()}, Do: &SeedStock{x}})
	}
	for _, x := range s.Untold {
		duties = append(duties, Duty{To: command.Target{Kind: "sensor", ID: x.ID}, N: s.Version, Do: &SetSensor{x, s.Config.Safety(), false}})
	}
	for _, id := range s.Unused {
		duties = append(duties, Duty{To: command.Target{Kind: "sensor", ID: id}, N: s.Version, Do: &SetSensor{Sensor{ID: id}, FoodSafety{}, true}})
	}
	return duties
}

// Due is the next business date, or the end of a pause.
func Due(s State) time.Time { return s.Due() }

// Due is Due without a copy of the state.
func (s *State) Due() time.Time {
	due := s.Next
	for _, p := range s.Paused {
		if !p.Until.IsZero() && p.Until.Before(due) {
			due = p.Until
		}
	}
	return due
}

// ViewOf is what others may see; providers are those of Today. The waiting time is told
// in whole minutes.
func ViewOf(s State, providers []string) *View { return s.View(providers) }

// View is ViewOf without a copy of the state.
func (s *State) View(providers []string) *View {
	if s.Config == nil {
		return &View{Paused: []Pause{}, Providers: []string{}}
	}
	v := &View{ID: s.Config.ID, Name: s.Config.Name, Zone: s.Config.Zone, Currency: s.Config.Currency, Date: s.Date,
		Open: !s.closed(s.Date), Paused: s.Paused, WaitMS: (s.WaitMS + 30_000) / 60_000 * 60_000,
		Providers: append([]string{"cash", "terminal"}, providers...)}
	if v.Paused == nil {
		v.Paused = []Pause{}
	}
	return v
}

// SameValues says that Today made of s and o would be the same, but for menu and stock.
func (s *State) SameValues(o *State) bool {
	return s.Config == o.Config && s.Date == o.Date && slices.Equal(s.Paused, o.Paused) && s.closed(s.Date) == o.closed(o.Date)
}
