package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

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

var (
	errUnknown = refusal.New(refusal.BadRequest, "unknown_command", "There is no such command")
	errType    = refusal.New(refusal.BadRequest, "type", "A value has the wrong type")
	errJSON    = refusal.New(refusal.BadRequest, "json", "The data is not JSON")
)

// target says which entity a command is for; it refuses what names none.
type target func(cid command.ID, c command.Command) (command.Target, error)

type maker struct {
	make   func() command.Command
	target target
}

// linesRoom is room for the lines of most orders.
const linesRoom = 4

// commands lists every command by its name on the wire.
var commands = map[string]maker{
	"table.open":       {func() command.Command { return new(table.Open) }, ofTable},
	"table.clear":      {func() command.Command { return new(table.Clear) }, ofTable},
	"table.move":       {func() command.Command { return new(table.Go) }, ofTable},
	"table.merge":      {func() command.Command { return &table.Go{Merge: true} }, ofTable},
	"table.call":       {func() command.Command { return new(table.Ring) }, ofTable},
	"table.ack":        {func() command.Command { return new(table.Ack) }, ofTable},
	"cart.set":         {func() command.Command { return new(table.SetCart) }, ofTable},
	"order.place":      {func() command.Command { return &order.Place{Lines: make([]menu.Line, 0, linesRoom)} }, created("order")},
	"order.add":        {func() command.Command { return new(order.Add) }, ofOrder},
	"order.accept":     {func() command.Command { return new(order.Accept) }, ofOrder},
	"order.reject":     {func() command.Command { return &order.End{How: order.Refused} }, ofOrder},
	"order.cancel":     {func() command.Command { return &order.End{How: order.Cancelled} }, ofOrder},
	"order.void":       {func() command.Command { return &order.End{How: order.Voided} }, ofOrder},
	"order.rush":       {func() command.Command { return new(order.Rush) }, ofOrder},
	"ticket.print":     {func() command.Command { return new(order.Reprint) }, ofOrder},
	"order.hand_off":   {func() command.Command { return new(order.HandOff) }, ofOrder},
	"order.assign":     {func() command.Command { return new(order.Assign) }, ofOrder},
	"order.deliver":    {func() command.Command { return new(order.Deliver) }, ofOrder},
	"item.hold":        {func() command.Command { return &order.Change{To: order.Held} }, ofOrder},
	"item.fire":        {func() command.Command { return &order.Change{To: order.Queued} }, ofOrder},
	"item.start":       {func() command.Command { return &order.Change{To: order.Cooking} }, ofOrder},
	"item.bump":        {func() command.Command { return &order.Change{To: order.Ready} }, ofOrder},
	"item.recall":      {func() command.Command { return &order.Change{To: order.Cooking, Recall: true} }, ofOrder},
	"item.serve":       {func() command.Command { return &order.Change{To: order.Served} }, ofOrder},
	"item.void":        {func() command.Command { return new(order.VoidItems) }, ofOrder},
	"stock.count":      {func() command.Command { return new(stock.SetCount) }, ofStock},
	"stock.restock":    {func() command.Command { return new(stock.Restock) }, ofStock},
	"stock.out":        {func() command.Command { return new(stock.TakeOut) }, ofStock},
	"stock.in":         {func() command.Command { return new(stock.PutIn) }, ofStock},
	"stock.hold":       {func() command.Command { return new(stock.HoldBack) }, ofStock},
	"stock.release":    {func() command.Command { return new(stock.LetGo) }, ofStock},
	"payment.create":   {func() command.Command { return new(payment.Create) }, created("payment")},
	"payment.confirm":  {func() command.Command { return new(payment.Confirm) }, ofPayment},
	"payment.cancel":   {func() command.Command { return new(payment.Cancel) }, ofPayment},
	"payment.refund":   {func() command.Command { return new(payment.GiveBack) }, ofPayment},
	"menu.draft":       {func() command.Command { return new(menu.Draft) }, of("menu")},
	"menu.publish":     {func() command.Command { return new(menu.Publish) }, of("menu")},
	"channel.pause":    {func() command.Command { return new(store.PauseChannel) }, of("store")},
	"day.close":        {func() command.Command { return new(store.CloseDay) }, of("store")},
	"alert.ack":        {func() command.Command { return new(sensor.Ack) }, ofSensor},
	"sensor.calibrate": {func() command.Command { return new(sensor.Calibrate) }, ofSensor},
	"sensor.series":    {func() command.Command { return new(sensor.Query) }, ofSensor},
	"workorder.assign": {func() command.Command { return new(workorder.Assign) }, ofWorkOrder},
	"workorder.done":   {func() command.Command { return new(workorder.Finish) }, ofWorkOrder},
	"bill.split@table": {func() command.Command { return new(table.SplitBill) }, ofTable},
	"bill.split@order": {func() command.Command { return new(order.SplitBill) }, ofOrder},

	"bill.discount@table": {func() command.Command { return new(table.DiscountBill) }, ofTable},
	"bill.discount@order": {func() command.Command { return new(order.DiscountBill) }, ofOrder},
	"bill.print@table":    {func() command.Command { return new(table.PrintBill) }, ofTable},
	"bill.print@order":    {func() command.Command { return new(order.PrintBill) }, ofOrder},
}

// Commands lists the commands by name, sorted.
func Commands() []string {
	var all []string
	for name := range commands {
		name, _, _ = strings.Cut(name, "@")
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// internal are commands that no client sends: the gateway makes them of what providers
// and printers say, for whichever node has the entity.
var internal = map[string]maker{
	"payment.report": {func() command.Command { return new(payment.Report) }, ofPayment},
	"printer.report": {func() command.Command { return new(printer.Report) }, ofPrinter},
}

// KnownCommand says that the name is a command.
func KnownCommand(name string) bool {
	_, ok := commands[name]
	return ok && !strings.Contains(name, "@") || ofEither(name)
}

// ofEither says that what the command names decides whether it is a table's or an order's.
func ofEither(name string) bool {
	return name == "bill.split" || name == "bill.discount" || name == "bill.print"
}

// CommandName is the command of that name, without a copy of what was given.
func CommandName(name []byte) (string, bool) {
	s, ok := commandNames[string(name)]
	return s, ok
}

var commandNames = func() map[string]string {
	all := map[string]string{}
	for name := range commands {
		if name, _, _ = strings.Cut(name, "@"); KnownCommand(name) {
			all[name] = name
		}
	}
	return all
}()

// DecodeCommand reads a command's data strictly (duplicate keys and invalid UTF-8 are
// refused) and says which entity it is for. Errors are refusals.
func DecodeCommand(name string, cid command.ID, d []byte) (command.Target, command.Command, error) {
	m, ours := internal[name]
	if !ours && !KnownCommand(name) {
		return command.Target{}, nil, errUnknown
	}
	if ofEither(name) {
		var of struct {
			Table string `json:"table"`
			Order string `json:"order"`
		}
		if err := json.Unmarshal(d, &of); err != nil {
			return command.Target{}, nil, asBadRequest(err)
		}
		if name += "@table"; of.Table == "" {
			name = strings.TrimSuffix(name, "table") + "order"
		}
	}
	if !ours {
		m = commands[name]
	}
	c, err := m.decode(d)
	if err != nil {
		return command.Target{}, nil, asBadRequest(err)
	}
	t, err := m.target(cid, c)
	return t, c, err
}

func (m *maker) decode(d []byte) (command.Command, error) {
	c := m.make()
	if place, ok := c.(*order.Place); ok {
		if quickPlace(d, place) {
			return c, nil
		}
		c = m.make()
	}
	return c, json.Unmarshal(d, c)
}

func asBadRequest(err error) error {
	if bad, ok := errors.AsType[*json.SemanticError](err); ok {
		return errType.With(refusal.Fields{At: string(bad.JSONPointer)})
	}
	return errJSON
}

func invalid(at, reason string) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

func created(kind string) target {
	return func(cid command.ID, _ command.Command) (command.Target, error) {
		return command.Target{Kind: kind, ID: string(cid)}, nil
	}
}

func of(kind string) target {
	return func(command.ID, command.Command) (command.Target, error) { return command.Target{Kind: kind}, nil }
}

func ofTable(_ command.ID, c command.Command) (command.Target, error) {
	id := ""
	switch c := c.(type) {
	case *table.Open:
		id = c.Table
	case *table.Clear:
		id = c.Table
	case *table.Go:
		id = c.Table
	case *table.Ring:
		id = c.Table
	case *table.Ack:
		id = c.Table
	case *table.SetCart:
		id = c.Table
	case *table.SplitBill:
		id = c.Table
	case *table.DiscountBill:
		id = c.Table
	case *table.PrintBill:
		id = c.Table
	}
	if !menu.IsName(id) {
		return command.Target{}, invalid("/table", "id")
	}
	return command.Target{Kind: "table", ID: id}, nil
}

func ofOrder(_ command.ID, c command.Command) (command.Target, error) {
	id := ""
	switch c := c.(type) {
	case *order.Add:
		id = c.Order
	case *order.Accept:
		id = c.Order
	case *order.End:
		id = c.Order
	case *order.Change:
		id = c.Order
	case *order.VoidItems:
		id = c.Order
	case *order.Rush:
		id = c.Order
	case *order.Reprint:
		id = c.Order
	case *order.HandOff:
		id = c.Order
	case *order.Assign:
		id = c.Order
	case *order.Deliver:
		id = c.Order
	case *order.SplitBill:
		id = c.Order
	case *order.DiscountBill:
		id = c.Order
	case *order.PrintBill:
		id = c.Order
	}
	return byUUID("order", id)
}

func ofPayment(_ command.ID, c command.Command) (command.Target, error) {
	id := ""
	switch c := c.(type) {
	case *payment.Confirm:
		id = c.Payment
	case *payment.Cancel:
		id = c.Payment
	case *payment.GiveBack:
		id = c.Payment
	case *payment.Report:
		id = c.Payment
	}
	return byUUID("payment", id)
}

func ofSensor(_ command.ID, c command.Command) (command.Target, error) {
	id := ""
	switch c := c.(type) {
	case *sensor.Ack:
		id = c.Sensor
	case *sensor.Calibrate:
		id = c.Sensor
	case *sensor.Query:
		id = c.Sensor
	}
	if !menu.IsName(id) {
		return command.Target{}, invalid("/sensor", "id")
	}
	return command.Target{Kind: "sensor", ID: id}, nil
}

func ofWorkOrder(_ command.ID, c command.Command) (command.Target, error) {
	id := ""
	switch c := c.(type) {
	case *workorder.Assign:
		id = c.WorkOrder
	case *workorder.Finish:
		id = c.WorkOrder
	}
	return byUUID("workorder", id)
}

func ofPrinter(_ command.ID, c command.Command) (command.Target, error) {
	return command.Target{Kind: "printer", ID: c.(*printer.Report).Printer}, nil
}

func byUUID(kind, id string) (command.Target, error) {
	if !IsUUID(id) {
		return command.Target{}, invalid("/"+kind, "id")
	}
	return command.Target{Kind: kind, ID: id}, nil
}

func ofStock(_ command.ID, c command.Command) (command.Target, error) {
	var r stock.Ref
	switch c := c.(type) {
	case *stock.SetCount:
		r = c.Ref
	case *stock.Restock:
		r = c.Ref
	case *stock.TakeOut:
		r = c.Ref
	case *stock.PutIn:
		r = c.Ref
	case *stock.HoldBack:
		r = c.Ref
	case *stock.LetGo:
		r = c.Ref
	}
	if (r.Dish == "") == (r.Option == "") || !menu.IsName(r.Dish+r.Option) {
		return command.Target{}, invalid("/dish", "id")
	}
	return command.Target{Kind: "stock", ID: r.ID()}, nil
}

// IsUUID says that s is a UUIDv7 in lower case.
func IsUUID(s string) bool {
	if len(s) != 36 || s[14] != '7' || s[19] != '8' && s[19] != '9' && s[19] != 'a' && s[19] != 'b' {
		return false
	}
	for i := range len(s) {
		switch dash := i == 8 || i == 13 || i == 18 || i == 23; {
		case dash != (s[i] == '-'):
			return false
		case !dash && (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f'):
			return false
		}
	}
	return true
}

// DecodeStoreFile reads a store document and the menu in it (nil when it has none);
// text is the menu's MenuText. A member that it does not know is refused: it would be
// without effect, as a word that is spelt wrong.
func DecodeStoreFile(b []byte) (c *store.Config, m *menu.Menu, text string, err error) {
	var in struct {
		store.Config
		Menu *menu.Menu `json:"menu"`
	}
	if err := json.Unmarshal(b, &in, json.RejectUnknownMembers(true)); err != nil {
		if bad, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(err, json.ErrUnknownName) {
			return nil, nil, "", invalid(string(bad.JSONPointer), "unknown")
		}
		return nil, nil, "", asBadRequest(err)
	}
	if no := store.Check(&in.Config); no != nil {
		return nil, nil, "", no
	}
	if in.Menu != nil && len(in.Menu.Dishes) == 0 && in.Menu.Currency == "" {
		in.Menu = nil
	}
	switch {
	case in.Menu != nil && in.MenuFrom != nil:
		return nil, nil, "", invalid("/menu_from", "too_many")
	case in.Menu != nil:
		in.Menu.Version, in.Menu.PublishedAt = 0, time.Time{}
		text = MenuText(in.Menu)
	}
	return &in.Config, in.Menu, text, nil
}

// MenuText is the content of a menu without a version in short: two that differ have
// different ones.
func MenuText(m *menu.Menu) string { return fmt.Sprintf("%x", sha256.Sum256(appendMenuMenu(nil, m))) }

// AppendStoreFile writes a store document with its menu, unless that is another store's.
func AppendStoreFile(b []byte, c *store.Config, m *menu.Menu) []byte {
	if c.MenuFrom != nil {
		m = nil
	}
	return appendAny(b, &struct {
		*store.Config
		Menu *menu.Menu `json:"menu,omitzero"`
	}{c, m})
}
