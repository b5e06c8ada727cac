package actors_test

import (
	"context"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/memory"
)

// spoiled changes what a journal says.
type spoiled struct {
	journal.Journal
	head func(*journal.Head)
	row  func(*journal.Row)
}

func (s spoiled) Load(ctx context.Context, keys []journal.Key) ([]journal.Stored, error) {
	all, err := s.Journal.Load(ctx, keys)
	for i := range all {
		if s.head != nil {
			s.head(&all[i].Head)
		}
	}
	return all, err
}

func (s spoiled) Log(ctx context.Context, k journal.Key, from int64, limit int) ([]journal.Row, error) {
	rows, err := s.Journal.Log(ctx, k, from, limit)
	for i := range rows {
		if s.row != nil {
			s.row(&rows[i])
		}
	}
	return rows, err
}

// TestVerify finds nothing in a sound log, and what is wrong in spoiled ones.
func TestVerify(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(h.id(), "stock.count", `{"dish":"kung-pao-chicken","qty":20}`))
	for range 3 {
		h.must(h.send(h.id(), "order.place", `{"type":"dine_in","table":"T03","lines":[{"dish":"kung-pao-chicken","qty":2}]}`))
	}
	h.restarts() // what was loaded goes on as what was live
	h.must(h.send(h.id(), "order.place", `{"type":"dine_in","table":"T03","lines":[{"dish":"kung-pao-chicken","qty":1}]}`))
	h.stop() // snapshots
	j := h.db.Open(memory.Options{})
	verify := func(j journal.Journal) (v actors.Verified, problems string) {
		v, err := actors.Archive{Journal: j}.Verify(t.Context(), "demo", func(f actors.Finding) {
			problems += f.Kind + " " + f.ID + ": " + f.Problem + "\n"
		})
		if err != nil {
			t.Fatal(err)
		}
		return v, problems
	}
	if v, problems := verify(j); problems != "" || v.Entities < 7 || v.Events < 15 || v.Snapshots < 4 {
		t.Fatalf("a sound log: %+v\n%s", v, problems)
	}
	for _, c := range []struct {
		name string
		j    spoiled
		want string
	}{
		{"a lost block", spoiled{row: func(r *journal.Row) {
			if r.Kind == 3 && r.Seq > 1 {
				r.Seq++
			}
		}}, "is followed by"},
		{"a snapshot of another state", spoiled{head: func(h *journal.Head) {
			if h.Kind == 3 && len(h.State) > 0 {
				h.State = []byte(strings.Replace(string(h.State), "kung-pao", "kung-pow", 1))
			}
		}}, "not what the log folds to"},
		{"a payload that is cut off", spoiled{row: func(r *journal.Row) {
			if r.Kind == 4 {
				r.Payload = r.Payload[:len(r.Payload)-1]
			}
		}}, "block at"},
		{"an order that is gone", spoiled{head: func(h *journal.Head) {
			if h.Kind == 5 {
				h.Kind = 77
			}
		}}, "does not exist"},
	} {
		c.j.Journal = j
		if _, problems := verify(c.j); !strings.Contains(problems, c.want) {
			t.Errorf("%s: found %q", c.name, problems)
		}
	}
}
