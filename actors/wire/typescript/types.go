package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/workorder"
)

// names are the types that clients know by another name than package and type.
var names = map[reflect.Type]string{
	t[order.View]():        "Order",
	t[order.Line]():        "OrderLine",
	t[order.Item]():        "OrderItem",
	t[order.Status]():      "OrderState",
	t[order.ItemState]():   "ItemState",
	t[order.Counts]():      "Counts",
	t[order.Contact]():     "Contact",
	t[order.Driver]():      "Driver",
	t[table.View]():        "Table",
	t[table.Status]():      "TableState",
	t[table.Cart]():        "Cart",
	t[table.CartLine]():    "CartLine",
	t[table.Person]():      "Person",
	t[table.Call]():        "Call",
	t[bill.View]():         "Bill",
	t[payment.View]():      "Payment",
	t[payment.Status]():    "PaymentState",
	t[stock.View]():        "Stock",
	t[stock.Mode]():        "StockMode",
	t[menu.View]():         "MenuVersion",
	t[menu.Menu]():         "Menu",
	t[menu.Text]():         "Text",
	t[menu.Dish]():         "Dish",
	t[menu.Group]():        "Group",
	t[menu.Option]():       "Option",
	t[menu.Category]():     "Category",
	t[menu.Allergen]():     "Allergen",
	t[menu.Daypart]():      "Daypart",
	t[menu.Line]():         "Line",
	t[menu.Pick]():         "Pick",
	t[menu.PartPick]():     "PartPick",
	t[menu.PricedOption](): "PricedOption",
	t[menu.PricedPart]():   "PricedPart",
	t[store.View]():        "Store",
	t[store.Config]():      "StoreDocument",
	t[store.Until]():       "Until",
	t[sensor.View]():       "Sensor",
	t[sensor.Status]():     "SensorState",
	t[sensor.Health]():     "SensorHealth",
	t[sensor.Shown]():      "Reading",
	t[store.Limits]():      "Limits",
	t[workorder.View]():    "Workorder",
	t[workorder.Entry]():   "WorkorderLog",
	t[workorder.Status]():  "WorkorderState",
	t[command.Who]():       "Who",
	t[command.Role]():      "Role",
	t[refusal.Code]():      "Code",
	t[refusal.Fields]():    "Fields",
}

// enums are the values of the types that have few.
var enums = map[reflect.Type][]string{
	t[order.Status]():       strs(order.Submitted, order.Placed, order.Accepted, order.Closed, order.Refused, order.Expired, order.Cancelled, order.Voided),
	t[order.ItemState]():    strs(order.Held, order.Queued, order.Cooking, order.Ready, order.Served, order.Void),
	t[table.Status]():       strs(table.Free, table.Seated, table.BillRequested, table.Paid, table.Dirty),
	t[payment.Status]():     strs(payment.Created, payment.Pending, payment.Succeeded, payment.Failed, payment.Cancelled, payment.Unknown),
	t[stock.Mode]():         strs(stock.Unlimited, stock.Counted, stock.Out, stock.Held),
	t[sensor.Status]():      strs(sensor.Normal, sensor.Suspect, sensor.Alert, sensor.Acked, sensor.Escalated, sensor.Resolved),
	t[sensor.Health]():      strs(sensor.OK, sensor.Missing, sensor.Stuck, sensor.Skewed, sensor.Absurd),
	t[workorder.Status]():   strs(workorder.Opened, workorder.Assigned, workorder.Finished),
	t[workorder.Severity](): strs(workorder.Info, workorder.Food),
	t[command.Role](): strs(command.Guest, command.Waiter, command.Cashier, command.Kitchen, command.Expo, command.Dispatcher,
		command.Manager, command.Admin, command.Device, command.Channel),
	t[refusal.Code](): strs(refusal.BadRequest, refusal.Unauthenticated, refusal.Forbidden, refusal.NotFound, refusal.Conflict,
		refusal.StalePrice, refusal.SoldOut, refusal.Closed, refusal.Invalid, refusal.RateLimited, refusal.Overloaded,
		refusal.Unavailable, refusal.Moved, refusal.Internal),
}

// fieldEnums are the values of fields that are plain strings in Go.
var fieldEnums = map[string][]string{
	"Order.type":         {"dine_in", "pickup", "delivery"},
	"Ticket.type":        {"dine_in", "pickup", "delivery"},
	"Dispatch.type":      {"dine_in", "pickup", "delivery"},
	"Order.progress":     {"sent", "accepted", "cooking", "ready", "served"},
	"Order.payment":      {"unpaid", "partly_paid", "paid", "partly_refunded", "refunded"},
	"Ticket.state":       {"open", "done"},
	"Dispatch.state":     {"waiting", "ready", "out"},
	"Floor.phase":        {"ordering", "waiting", "eating"},
	"Call.kind":          {"waiter", "hurry", "bill"},
	"Mod.kind":           {"choice", "add", "remove"},
	"Option.kind":        {"choice", "add", "remove"},
	"Bill.mode":          {"none", "items", "seats", "guests", "even", "amounts"},
	"Sensor.kind":        {"temperature", "door", "power", "vibration", "microphone", "thermal"},
	"Workorder.proposed": {"discard"},
	"Node.state":         {"alive", "suspect", "draining", "gone"},
	"Node.kind":          {"server", "edge"},
	"Payment.provider":   {"cash", "terminal", "stripe", "wechat", "alipay"},
}

// hidden are fields that never leave the server, by interface.
var hidden = map[string][]string{
	"Order":         {"label", "warn_ms", "late_ms", "handed_off", "overridden_by", "by", "hurried_at", "guest_id"},
	"OrderLine":     {"allergens", "takes", "returned"},
	"OrderItem":     {"combo", "part", "hold", "bumped", "prep_ms"},
	"Table":         {"phase", "order_ids", "items", "late_at", "joined"},
	"Call":          {"guest"},
	"StoreDocument": {"sensors"},
}

// added are fields that the appenders make of what is inside, by interface.
var added = map[string][]field{
	"CartLine": {
		{name: "options", ts: "PricedOption[]"}, {name: "parts", ts: "PricedPart[]"},
		{name: "allergies", ts: "string[]"}, {name: "id", ts: "string"},
	},
}

// staffOnly are fields that guests are not sent; they are optional to every client.
var staffOnly = map[string][]string{
	"OrderItem": {"stations", "fire_seq"},
	"Dish":      {"stations", "each", "prep_ms"},
}

// views are what clients read; replies what commands answer with.
var views = []reflect.Type{
	t[order.View](), t[table.View](), t[payment.View](), t[bill.View](), t[stock.View](), t[store.View](), t[menu.View](), t[menu.Menu](),
	t[store.Config](), t[Ticket](), t[Dispatch](), t[Floor](), t[Availability](), t[sensor.View](), t[workorder.View](), t[Printer](), t[Pass](), t[Node](),
	t[Session](), t[Refusal](), t[menu.Line](),
}

var replies = map[string]reflect.Type{
	"table.open": t[table.OpenReply](), "table.clear": t[table.ClearReply](), "table.move": t[table.GoReply](), "table.merge": t[table.GoReply](),
	"table.call": t[table.RingReply](), "table.ack": t[table.AckReply](), "cart.set": t[table.CartReply](),
	"order.place": t[order.PlaceReply](), "order.add": t[order.PlaceReply](), "order.accept": t[order.AcceptReply](),
	"order.reject": t[order.EndReply](), "order.cancel": t[order.EndReply](), "order.void": t[order.EndReply](),
	"order.rush": t[order.RushReply](), "order.hand_off": t[order.HandOffReply](), "ticket.print": t[order.ReprintReply](), "order.assign": t[order.DeliverReply](), "order.deliver": t[order.DeliverReply](),
	"item.hold": t[order.ItemsReply](), "item.fire": t[order.ItemsReply](), "item.start": t[order.ItemsReply](), "item.bump": t[order.ItemsReply](),
	"item.recall": t[order.ItemsReply](), "item.serve": t[order.ItemsReply](), "item.void": t[order.ItemsReply](),
	"stock.count": t[stock.Level](), "stock.restock": t[stock.Level](), "stock.out": t[stock.OutReply](), "stock.in": t[stock.Level](),
	"stock.hold": t[stock.Level](), "stock.release": t[stock.Level](),
	"bill.split": t[bill.View](), "bill.discount": t[bill.View](), "bill.print": t[order.ReprintReply](),
	"payment.create": t[payment.View](), "payment.confirm": t[payment.View](), "payment.cancel": t[payment.View](), "payment.refund": t[payment.View](),
	"alert.ack": t[sensor.AckReply](), "sensor.calibrate": t[sensor.CalibrateReply](), "sensor.series": t[sensor.SeriesReply](),
	"workorder.assign": t[workorder.StateReply](), "workorder.done": t[workorder.StateReply](),
	"menu.draft": t[menu.DraftReply](), "menu.publish": t[menu.PublishReply](),
	"channel.pause": t[store.PauseReply](), "day.close": t[store.CloseReply](),
}

func t[T any]() reflect.Type { return reflect.TypeFor[T]() }

func strs[S ~string](all ...S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

func union(values []string) string { return `"` + strings.Join(values, `" | "`) + `"` }

func nameOf(x reflect.Type) string {
	if n, ok := names[x]; ok {
		return n
	}
	pkg := x.PkgPath()
	pkg = pkg[strings.LastIndex(pkg, "/")+1:]
	if slices.Contains([]string{"main", "typescript"}, pkg) {
		return x.Name()
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + x.Name()
}
