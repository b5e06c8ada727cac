package menu

import (
	"strconv"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

// State is a store's menu: what is published, and the draft.
type State struct {
	Menu   *Menu // nil: nothing published yet
	Draft  *Menu
	DraftV int64  // 0: no draft was ever made
	Text   string // of the document last loaded from a store file; the same one is not published twice
	From   string // the store whose menu it was made of; "": its own
	Of     int64  // that one's version
}

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

type (
	// Draft replaces the draft; Base is the version that was edited.
	Draft struct {
		command.Header `json:"-"`
		Base           int64 `json:"base"`
		Menu           *Menu `json:"menu"`
	}
	// Publish makes the draft the next version.
	Publish struct {
		command.Header `json:"-"`
		DraftV         int64 `json:"draft_v"`
	}
	// Load publishes a menu from a store file, unless it is the one that was loaded last.
	Load struct {
		command.Header `json:"-"`
		Menu           *Menu  `json:"menu"`
		Text           string `json:"-"` // canonical form of the document, or a hash of it
		From           string `json:"-"` // the store whose menu it is made of; "": its own
		Of             int64  `json:"-"` // that one's version: an older one than was loaded changes nothing
		Seller         Seller `json:"-"` // the document that it comes with; nil: the store as it is
	}
)

// Event is what happened to a menu.
type Event interface{ event() }

type (
	Drafted struct {
		At   time.Time   `json:"at"`
		By   command.Who `json:"by"`
		V    int64       `json:"draft_v"`
		Menu *Menu       `json:"menu"`
	}
	Published struct {
		At   time.Time   `json:"at"`
		By   command.Who `json:"by"`
		Menu *Menu       `json:"menu"`
		Text string      `json:"-"`
		From string      `json:"-"`
		Of   int64       `json:"-"`
	}
)

func (*Drafted) event()   {}
func (*Published) event() {}

type (
	DraftReply struct {
		DraftV   int64     `json:"draft_v"`
		Problems []Problem `json:"problems"`
	}
	PublishReply struct {
		Version int64  `json:"version"`
		ETag    string `json:"etag"`
	}
)

// View is what topics tell of a menu: which version there is.
type View struct {
	Version     int64     `json:"version"`
	ETag        string    `json:"etag"`
	PublishedAt time.Time `json:"published_at"`
	Menu        *Menu     `json:"-"`
}

var (
	ErrVersion  = refusal.New(refusal.Conflict, "version", "The menu was changed by somebody else; read it again")
	ErrProblems = refusal.New(refusal.Conflict, "state", "The draft has problems; mend them first")
	ErrMissing  = refusal.New(refusal.Invalid, "required", "A menu is needed")
	ErrFollows  = refusal.New(refusal.Conflict, "state", "The store sells from another store's menu; edit that one")
)

// follower is a store that may sell from another one's menu; the header's Today is one.
type follower interface{ MenuStore() string }

// seller is the store that a command is for; nil while it has no document.
func seller(h *command.Header) Seller {
	if t, ok := h.Today.(interface {
		Seller
		Known() bool
	}); ok && t.Known() {
		return t
	}
	return nil
}

// follows refuses to edit a menu that is made of another store's.
func follows(h *command.Header) *refusal.Refusal {
	if t, ok := h.Today.(follower); ok && t.MenuStore() != "" {
		return ErrFollows.With(refusal.Fields{Kind: "menu", ID: t.MenuStore(), State: "follows"})
	}
	return nil
}

// ETag names a version to caches.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *Draft:
		if no := follows(&c.Header); no != nil {
			return nil, nil, no
		}
		switch {
		case c.Menu == nil:
			return nil, nil, ErrMissing.With(refusal.Fields{At: "/menu"})
		case c.Base != s.version():
			return nil, nil, ErrVersion.With(refusal.Fields{V: s.version()})
		}
		return []Event{&Drafted{c.At, c.By, s.DraftV + 1, c.Menu}}, &DraftReply{s.DraftV + 1, Check(c.Menu, seller(&c.Header))}, nil
	case *Publish:
		if no := follows(&c.Header); no != nil {
			return nil, nil, no
		}
		switch {
		case s.Draft == nil || c.DraftV != s.DraftV:
			return nil, nil, ErrVersion.With(refusal.Fields{DraftV: s.DraftV})
		case len(Check(s.Draft, seller(&c.Header))) > 0:
			return nil, nil, ErrProblems.With(refusal.Fields{Kind: "menu", State: "draft"})
		}
		return s.publish(&Load{Header: c.Header, Menu: s.Draft})
	case *Load:
		if c.Menu == nil {
			return nil, nil, ErrMissing.With(refusal.Fields{At: "/menu"})
		}
		by := c.Seller
		if by == nil {
			by = seller(&c.Header)
		}
		if p := Check(c.Menu, by); len(p) > 0 {
			return nil, nil, refusal.New(refusal.Invalid, "menu", p[0].Message).With(refusal.Fields{At: "/menu" + p[0].At})
		}
		if s.Menu != nil && (s.Text == c.Text || c.From != "" && c.From == s.From && c.Of < s.Of) {
			return nil, &PublishReply{s.version(), ETag(s.version())}, nil
		}
		return s.publish(c)
	case *command.Tick:
		return nil, nil, nil
	}
	panic("menu: unknown command")
}

func (s State) publish(c *Load) ([]Event, Reply, error) {
	m := *c.Menu
	m.Version, m.PublishedAt = s.version()+1, c.At
	m.Categories, _ = counted(m.Categories)
	m.Index()
	return []Event{&Published{c.At, c.By, &m, c.Text, c.From, c.Of}}, &PublishReply{m.Version, ETag(m.Version)}, nil
}

func (s State) version() int64 {
	if s.Menu == nil {
		return 0
	}
	return s.Menu.Version
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Drafted:
		s.Draft, s.DraftV = e.Menu, e.V
	case *Published:
		if e.Menu.index == nil {
			e.Menu.Index()
		}
		s.Menu, s.Draft, s.Text, s.From, s.Of = e.Menu, nil, e.Text, e.From, e.Of
	}
	return s
}

// Owes is empty: a menu owes nobody anything.
func Owes(State) []Duty { return nil }

// Due is never: a menu waits for nothing.
func Due(State) time.Time { return time.Time{} }

// ViewOf is what others may see.
func ViewOf(s State) *View {
	if s.Menu == nil {
		return &View{ETag: ETag(0)}
	}
	return &View{s.Menu.Version, ETag(s.Menu.Version), s.Menu.PublishedAt, s.Menu}
}
