package wire

import (
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/actors/workorder"
)

// What stands as bytes in peer.proto: the messages that the codec reads and writes.

// MarshalView returns an entity's view as nodes send it to one another.
func MarshalView(view any) []byte {
	switch v := view.(type) {
	case *order.View:
		return appendOrderView(nil, v)
	case *table.View:
		return appendTableView(nil, v)
	case *stock.View:
		return appendStockView(nil, v)
	case *store.View:
		return appendStoreView(nil, v)
	case *menu.View:
		return appendMenuView(nil, v)
	case *payment.View:
		return appendPaymentView(nil, v)
	case *printer.View:
		return appendPrinterView(nil, v)
	case *sensor.View:
		return appendSensorView(nil, v)
	case *workorder.View:
		return appendWorkorderView(nil, v)
	}
	panic(fmt.Sprintf("wire: unknown view %T", view))
}

// UnmarshalView reads the view of an entity of that kind; a kind of a newer version is
// an error.
func UnmarshalView(kind string, b []byte) (any, error) {
	switch kind {
	case "order":
		return decoded(b, decodeOrderView)
	case "table":
		return decoded(b, decodeTableView)
	case "stock":
		return decoded(b, decodeStockView)
	case "store":
		return decoded(b, decodeStoreView)
	case "payment":
		return decoded(b, decodePaymentView)
	case "printer":
		return decoded(b, decodePrinterView)
	case "sensor":
		return decoded(b, decodeSensorView)
	case "workorder":
		return decoded(b, decodeWorkorderView)
	case "menu":
		v, err := decoded(b, decodeMenuView)
		if err == nil && v.Menu != nil {
			v.Menu.Index()
		}
		return v, err
	}
	return nil, fmt.Errorf("wire: a view of kind %q is not known to this version", kind)
}

func decoded[T any](b []byte, decode func([]byte, *T) error) (*T, error) {
	v := new(T)
	if err := decode(b, v); err != nil {
		return nil, err
	}
	return v, nil
}

// MarshalRefusal returns a refusal as nodes send it; nil for none.
func MarshalRefusal(r *refusal.Refusal) []byte {
	if r == nil {
		return nil
	}
	return appendRefusalRefusal(nil, r)
}

// UnmarshalRefusal reads one; no bytes are no refusal.
func UnmarshalRefusal(b []byte) (*refusal.Refusal, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return decoded(b, decodeRefusalRefusal)
}

// MarshalWho returns who as nodes send it.
func MarshalWho(who command.Who) []byte { return appendCommandWho(nil, &who) }

// UnmarshalWho reads it.
func UnmarshalWho(b []byte) (who command.Who, err error) {
	return who, decodeCommandWho(b, &who)
}

// StoreValues returns a store's current values as nodes send them.
func StoreValues(t *store.Today) *pb.StoreValues {
	p := &pb.StoreValues{Config: appendStoreConfig(nil, t.Config), Open: t.Open}
	if t.Menu != nil {
		p.Menu = appendMenuMenu([]byte{}, t.Menu)
	}
	for i := range t.Paused {
		p.Paused = append(p.Paused, appendStorePause(nil, &t.Paused[i]))
	}
	return p
}

// TodayOf makes a store's values of what a node sent. zone finds a time zone by name.
func TodayOf(p *pb.StoreValues, zone func(string) (*time.Location, error)) (*store.Today, error) {
	cfg, err := decoded(p.Config, decodeStoreConfig)
	if err != nil {
		return nil, err
	}
	var m *menu.Menu
	if p.Menu != nil {
		if m, err = decoded(p.Menu, decodeMenuMenu); err != nil {
			return nil, err
		}
		m.Index()
	}
	s := store.State{Config: cfg}
	for _, b := range p.Paused {
		var x store.Pause
		if err := decodeStorePause(b, &x); err != nil {
			return nil, err
		}
		s.Paused = append(s.Paused, x)
	}
	at, err := zone(cfg.Zone)
	if err != nil {
		return nil, err
	}
	t := s.Today(m, at, nil)
	t.Open = p.Open
	return t, nil
}
