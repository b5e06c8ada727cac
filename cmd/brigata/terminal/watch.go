package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// Watch shows a board as it changes: brigata watch kitchen.
type Watch struct {
	Options
	Board string `arg:"" help:"kitchen[.STATION], dispatch, floor, stock, sensors, menu, store, order or table."`
	ID    string `arg:"" optional:"" help:"The order or table."`
	Once  bool   `help:"Print what stands now and end."`
}

// Run prints the board's snapshot and then every change, through reconnects,
// until it is interrupted.
func (w *Watch) Run(ctx context.Context) error {
	topic, err := w.boardTopic()
	if err != nil {
		return err
	}
	var at client.Sub
	backoff := 500 * time.Millisecond
	for {
		err := w.follow(ctx, topic, &at, func() { backoff = 500 * time.Millisecond })
		switch {
		case ctx.Err() != nil || err == nil:
			return nil
		case !errors.Is(err, client.ErrUnreachable) || at.E == "":
			return err // refused, or never connected
		}
		fmt.Fprintf(os.Stderr, "stale: %v; again in %v\n", err, backoff)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return nil
		}
		backoff = min(2*backoff, 15*time.Second)
	}
}

func (w *Watch) boardTopic() (string, error) {
	switch {
	case w.Board == "kitchen":
		return "kitchen.all", nil
	case w.Board == "order" || w.Board == "table":
		if w.ID == "" {
			return "", Usage{"watch " + w.Board + " needs an id"}
		}
		return w.Board + "." + w.ID, nil
	}
	return w.Board, nil
}

// follow shows one connection's worth of the topic, resuming from at and keeping it.
func (w *Watch) follow(ctx context.Context, topic string, at *client.Sub, connected func()) error {
	return with(ctx, w.Options, func(s *session) error {
		if id, ok := strings.CutPrefix(topic, "order."); ok { // a number is today's
			id, err := s.orderID(ctx, id)
			if err != nil {
				return err
			}
			topic = "order." + id
		}
		at.T = s.topic(topic)
		subs, m, err := s.Subscribe(ctx, *at)
		if err != nil {
			return err
		}
		connected()
		if w.JSON {
			fmt.Fprintln(s.out, string(m.Raw))
		}
		if subs[0].Err != nil {
			return subs[0].Err
		}
		at.E, at.S = subs[0].E, subs[0].S
		if !w.JSON {
			for _, e := range subs[0].D {
				w.show(s, e)
			}
		}
		if w.Once {
			return nil
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case m, ok := <-s.Pushes():
				if !ok {
					return s.Err()
				}
				w.push(s, m, at)
			}
		}
	})
}

func (w *Watch) push(s *session, m client.Message, at *client.Sub) {
	if m.S > 0 {
		at.S = m.S
	}
	if m.E != "" {
		at.E = m.E
	}
	switch {
	case w.JSON:
		fmt.Fprintln(s.out, string(m.Raw))
	case m.End != nil:
		fmt.Fprintln(s.out, "ended:", words(m.End.Code), m.End.Table)
	case m.Bye != nil:
		fmt.Fprintln(os.Stderr, "the server is going away")
	case m.Snap != nil:
		for _, e := range m.Snap {
			w.show(s, e)
		}
	default:
		w.show(s, json.RawMessage(m.Raw))
	}
}

// show prints one element {k, v, d} for people.
func (w *Watch) show(s *session, raw json.RawMessage) {
	var e struct {
		K   string          `json:"k"`
		D   json.RawMessage `json:"d"`
		Del bool            `json:"del"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return
	}
	if e.Del {
		fmt.Fprintln(s.out, "gone:", e.K)
		return
	}
	kind, id, _ := strings.Cut(e.K, "/")
	fmt.Fprintln(s.out, describe(kind, id, e.D))
}

// describe turns one entity's view into lines to read.
func describe(kind, id string, d json.RawMessage) string {
	var v fmt.Stringer
	switch kind {
	case "order":
		v = decode[order](d)
	case "ticket":
		v = decode[ticket](d)
	case "dispatch":
		v = decode[dispatchEntry](d)
	case "table":
		if v = decode[floorTable](d); bytes.Contains(d, []byte(`"cart":`)) { // its own topic tells more than the floor
			v = decode[tableView](d)
		}
	case "sensor":
		v = decode[probe](d)
	case "workorder":
		v = decode[work](d)
	case "dish", "option":
		if e := decode[stockEntry](d); e != nil {
			return fmt.Sprintf("%-28s %s", id, e)
		}
	}
	if v == nil {
		return fmt.Sprintf("%s/%s %s", kind, id, d)
	}
	return v.String()
}

func decode[T fmt.Stringer](d json.RawMessage) fmt.Stringer {
	var v T
	if json.Unmarshal(d, &v) != nil {
		return nil
	}
	return v
}
