package wire

import (
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

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
	"github.com/brigata/brigata/actors/workorder"
)

// Trace is a W3C trace context; the zero value is none.
type Trace struct {
	ID    [16]byte
	Span  [8]byte
	Flags byte
}

const traceSize = 25

// Sampled says that whoever began the trace wants to see it.
func (t Trace) Sampled() bool { return t.Flags&1 != 0 }

// ParseTrace reads a traceparent header; what is no such thing is no trace.
func ParseTrace(s string) (t Trace) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" {
		return Trace{}
	}
	var flags [1]byte
	_, a := hex.Decode(t.ID[:], []byte(s[3:35]))
	_, b := hex.Decode(t.Span[:], []byte(s[36:52]))
	_, c := hex.Decode(flags[:], []byte(s[53:55]))
	if a != nil || b != nil || c != nil || t.ID == [16]byte{} || t.Span == [8]byte{} {
		return Trace{}
	}
	t.Flags = flags[0]
	return t
}

// String is the traceparent header; "" for none.
func (t Trace) String() string {
	if t == (Trace{}) {
		return ""
	}
	return fmt.Sprintf("00-%x-%x-%02x", t.ID, t.Span, t.Flags)
}

// Outcome says how a turn answers its command, or an earlier one.
type Outcome int

const (
	None    Outcome = iota // nobody asked
	Later                  // the answer comes with a later turn
	Replied                // Reply holds it
	Refused                // Refusal does
)

// Turn is what one command, or one message from another entity, led to.
type Turn struct {
	At        time.Time
	ID        command.ID // where a client sent it
	Body      [16]byte
	Principal string
	By        command.Who
	Trace     Trace
	Entity    string // the entity's id, in its first turn
	Events    []any
	Answer    Outcome
	Answers   command.ID // the command that is answered, where it is an earlier one
	Reply     []byte     // JSON
	Refusal   *refusal.Refusal
}

// AppendTurn appends t as a block of one turn. Blocks are joined by joining their bytes.
func AppendTurn(b []byte, t *Turn) []byte {
	b, at := open(b, 1<<3|2)
	if !t.At.IsZero() {
		b = num(b, 1<<3, t.At.UnixMilli())
	}
	if t.ID != "" {
		b = str(b, 2<<3|2, string(t.ID))
		b = append(protowire.AppendVarint(b, 3<<3|2), byte(len(t.Body)))
		b = append(b, t.Body[:]...)
		if t.Principal != "" {
			b = str(b, 4<<3|2, t.Principal)
		}
	}
	if t.By != (command.Who{}) {
		var in int
		b, in = open(b, 5<<3|2)
		b = shut(appendCommandWho(b, &t.By), in)
	}
	if t.Trace != (Trace{}) {
		b = append(protowire.AppendVarint(b, 6<<3|2), traceSize)
		b = append(append(append(b, t.Trace.ID[:]...), t.Trace.Span[:]...), t.Trace.Flags)
	}
	if t.Entity != "" {
		b = str(b, 7<<3|2, t.Entity)
	}
	for _, e := range t.Events {
		var in int
		b, in = open(b, 8<<3|2)
		b = shut(appendEvent(b, e), in)
	}
	return shut(t.appendAnswer(b), at)
}

func (t *Turn) appendAnswer(b []byte) []byte {
	if t.Answer != None {
		b = num(b, 9<<3, int64(t.Answer))
	}
	if t.Answers != "" {
		b = str(b, 10<<3|2, string(t.Answers))
	}
	if t.Reply != nil {
		b = protowire.AppendBytes(protowire.AppendVarint(b, 11<<3|2), t.Reply)
	}
	if t.Refusal != nil {
		var in int
		b, in = open(b, 12<<3|2)
		b = shut(appendRefusalRefusal(b, t.Refusal), in)
	}
	return b
}

// DecodeBlock reads the turns of one or more joined blocks.
func DecodeBlock(b []byte) (turns []Turn, err error) {
	for len(b) > 0 {
		var f wireField
		if f, b, err = next(b); err != nil {
			return nil, err
		}
		if f.num != 1 {
			return nil, newer("Block", f.num)
		}
		var t Turn
		if err = t.decode(f.raw); err != nil {
			return nil, err
		}
		turns = append(turns, t)
	}
	return turns, nil
}

func (t *Turn) decode(b []byte) (err error) {
	var f wireField
	for len(b) > 0 {
		if f, b, err = next(b); err != nil {
			return err
		}
		switch f.num {
		case 1:
			t.At = f.time()
		case 2:
			t.ID = command.ID(f.raw)
		case 3:
			copy(t.Body[:], f.raw)
		case 4:
			t.Principal = f.str()
		case 5:
			err = decodeCommandWho(f.raw, &t.By)
		case 6:
			if len(f.raw) == traceSize {
				copy(t.Trace.ID[:], f.raw)
				copy(t.Trace.Span[:], f.raw[16:])
				t.Trace.Flags = f.raw[24]
			}
		case 7:
			t.Entity = f.str()
		case 8:
			var e any
			if e, err = decodeEvent(f.raw); err == nil {
				t.Events = append(t.Events, e)
			}
		case 9:
			t.Answer = Outcome(f.int())
		case 10:
			t.Answers = command.ID(f.raw)
		case 11:
			t.Reply = append([]byte(nil), f.raw...)
		case 12:
			t.Refusal = new(refusal.Refusal)
			err = decodeRefusalRefusal(f.raw, t.Refusal)
		default:
			err = newer("Turn", f.num)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Answered is a remembered outcome of a command.
type Answered struct {
	ID        command.ID
	Body      [16]byte
	Principal string
	V         int64
	At        time.Time
	Reply     []byte
	Refusal   *refusal.Refusal
	Later     bool // not answered yet
}

// Snapshot is an entity at a version, with the answers that it remembers.
type Snapshot struct {
	Entity  string
	State   any // a pointer to the kind's State
	V       int64
	At      time.Time // of the last event
	Answers []Answered
}

// AppendSnapshot appends s.
func AppendSnapshot(b []byte, s *Snapshot) []byte {
	b = str(b, 1<<3|2, s.Entity)
	b, at := open(b, 2<<3|2)
	switch st := s.State.(type) {
	case *store.State:
		b = appendStoreState(b, st)
	case *menu.State:
		b = appendMenuState(b, st)
	case *stock.State:
		b = appendStockState(b, st)
	case *payment.State:
		b = appendPaymentState(b, st)
	case *order.State:
		b = appendOrderState(b, st)
	case *table.State:
		b = appendTableState(b, st)
	case *sensor.State:
		b = appendSensorState(b, st)
	case *workorder.State:
		b = appendWorkorderState(b, st)
	case *printer.State:
		b = appendPrinterState(b, st)
	default:
		panic(fmt.Sprintf("wire: unknown state %T", st))
	}
	b = shut(b, at)
	b = num(b, 3<<3, s.V)
	for i := range s.Answers {
		b, at = open(b, 4<<3|2)
		b = shut(s.Answers[i].append(b), at)
	}
	if !s.At.IsZero() {
		b = num(b, 5<<3, s.At.UnixMilli())
	}
	return b
}

func (a *Answered) append(b []byte) []byte {
	b = str(b, 1<<3|2, string(a.ID))
	b = protowire.AppendBytes(protowire.AppendVarint(b, 2<<3|2), a.Body[:])
	if a.Principal != "" {
		b = str(b, 3<<3|2, a.Principal)
	}
	b = num(b, 4<<3, a.V)
	b = num(b, 5<<3, a.At.UnixMilli())
	if a.Reply != nil {
		b = protowire.AppendBytes(protowire.AppendVarint(b, 6<<3|2), a.Reply)
	}
	if a.Refusal != nil {
		var in int
		b, in = open(b, 7<<3|2)
		b = shut(appendRefusalRefusal(b, a.Refusal), in)
	}
	if a.Later {
		b = num(b, 8<<3, -1)
	}
	return b
}

// DecodeSnapshot reads one whose State is given as a pointer to the kind's zero State.
func DecodeSnapshot(b []byte, into any) (s Snapshot, err error) {
	s.State = into
	var f wireField
	for len(b) > 0 {
		if f, b, err = next(b); err != nil {
			return s, err
		}
		switch f.num {
		case 1:
			s.Entity = f.str()
		case 2:
			err = decodeState(f.raw, into)
		case 3:
			s.V = f.int()
		case 4:
			var a Answered
			if err = a.decode(f.raw); err == nil {
				s.Answers = append(s.Answers, a)
			}
		case 5:
			s.At = f.time()
		default:
			err = newer("Snapshot", f.num)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func decodeState(b []byte, into any) error {
	switch st := into.(type) {
	case *store.State:
		return decodeStoreState(b, st)
	case *menu.State:
		err := decodeMenuState(b, st)
		if st.Menu != nil {
			st.Menu.Index()
		}
		return err
	case *stock.State:
		return decodeStockState(b, st)
	case *payment.State:
		return decodePaymentState(b, st)
	case *order.State:
		return decodeOrderState(b, st)
	case *table.State:
		return decodeTableState(b, st)
	case *sensor.State:
		return decodeSensorState(b, st)
	case *workorder.State:
		return decodeWorkorderState(b, st)
	case *printer.State:
		return decodePrinterState(b, st)
	}
	panic(fmt.Sprintf("wire: unknown state %T", into))
}

func (a *Answered) decode(b []byte) (err error) {
	var f wireField
	for len(b) > 0 {
		if f, b, err = next(b); err != nil {
			return err
		}
		switch f.num {
		case 1:
			a.ID = command.ID(f.raw)
		case 2:
			copy(a.Body[:], f.raw)
		case 3:
			a.Principal = f.str()
		case 4:
			a.V = f.int()
		case 5:
			a.At = f.time()
		case 6:
			a.Reply = append([]byte(nil), f.raw...)
		case 7:
			a.Refusal = new(refusal.Refusal)
			err = decodeRefusalRefusal(f.raw, a.Refusal)
		case 8:
			a.Later = f.u != 0
		default:
			err = newer("Answered", f.num)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
