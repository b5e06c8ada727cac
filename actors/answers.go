package actors

import (
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

const (
	// idAge is how old a command's id may be. Answers are kept longer than that, for
	// whoever repeats it.
	idAge = 24 * time.Hour
	// idAhead is how far a client's clock may be ahead.
	idAhead     = time.Hour
	answersKept = idAge + 2*idAhead
	// answersMax bounds the answers of one entity; beyond, the oldest go.
	answersMax = 10_000
)

var (
	errReused = refusal.New(refusal.Conflict, "cid_reused", "This command id was used for another request")
	errAge    = refusal.Faults(refusal.Fault{At: "/cid", Reason: "range"})
)

// idTime is when a UUIDv7 was made, in ms since 1970.
func idTime(id string) (ms int64) {
	if len(id) < 13 {
		return 0
	}
	for _, c := range []byte(id[:8] + id[9:13]) {
		switch {
		case c >= '0' && c <= '9':
			ms = ms<<4 | int64(c-'0')
		case c >= 'a' && c <= 'f':
			ms = ms<<4 | int64(c-'a'+10)
		default:
			return 0
		}
	}
	return ms
}

// answers remembers the outcomes of an entity's commands. It belongs to its mailbox.
type answers struct {
	list  []wire.Answered // oldest first
	index map[command.ID]int
	first int // of list in index: what was dropped before
}

// indexFrom is how many answers are searched one by one.
const indexFrom = 16

func (a *answers) find(id command.ID) *wire.Answered {
	if a.index != nil {
		if i, ok := a.index[id]; ok {
			return &a.list[i-a.first]
		}
		return nil
	}
	for i := range a.list {
		if a.list[i].ID == id {
			return &a.list[i]
		}
	}
	return nil
}

func (a *answers) add(x wire.Answered, now time.Time) {
	drop := 0
	for drop < len(a.list) && (now.Sub(a.list[drop].At) > answersKept || mutant.Is(mutant.AnswersKeptShort) && now.Sub(a.list[drop].At) > time.Second || mutant.Is(mutant.AnswersKeptFew) && len(a.list)-drop >= 2 || len(a.list)-drop >= answersMax) && !a.list[drop].Later {
		delete(a.index, a.list[drop].ID)
		drop++
	}
	if drop > 0 {
		a.list = append([]wire.Answered(nil), a.list[drop:]...)
		a.first += drop
	}
	a.list = append(a.list, x)
	switch {
	case a.index != nil:
		a.index[x.ID] = a.first + len(a.list) - 1
	case len(a.list) > indexFrom:
		a.index = make(map[command.ID]int, 2*len(a.list))
		for i := range a.list {
			a.index[a.list[i].ID] = a.first + i
		}
	}
}

// fold remembers what a turn from the journal answered.
func (a *answers) fold(t *wire.Turn, v int64) {
	if t.ID != "" && t.Answer != wire.None && t.Answers == "" {
		a.add(wire.Answered{ID: t.ID, Body: t.Body, Principal: t.Principal, V: v, At: t.At, Reply: t.Reply,
			Refusal: t.Refusal, Later: t.Answer == wire.Later}, t.At)
	}
	if t.Answers != "" {
		if x := a.find(t.Answers); x != nil {
			x.V, x.Reply, x.Refusal, x.Later = v, t.Reply, t.Refusal, false
		}
	}
}
