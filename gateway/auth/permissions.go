package auth

import (
	"maps"
	"slices"
	"strings"

	"github.com/brigata/brigata/actors/command"
)

// roles is a set of built-in roles. Manager may do everything in its store and admin
// everything, so the table below leaves both out.
type roles uint16

const (
	guest roles = 1 << iota
	waiter
	cashier
	kitchen
	expo
	dispatcher
	manager
	admin
	device
	channel

	nobody   roles = 0 // that is: managers only
	staff          = waiter | cashier | kitchen | expo | dispatcher
	everyone       = staff | guest | device | channel
)

var roleBits = map[command.Role]roles{
	command.Guest: guest, command.Waiter: waiter, command.Cashier: cashier, command.Kitchen: kitchen,
	command.Expo: expo, command.Dispatcher: dispatcher, command.Manager: manager, command.Admin: admin,
	command.Device: device, command.Channel: channel,
}

// permissions is who may do what: commands by name, topics as topic:<name>, reads as
// rest:<noun>:read. What is not here, nobody may. Rules that look at an entity (a
// guest's own table, before or after the fire) are the entity's; whose order or table
// a topic shows is the board's.
var permissions = map[string]roles{
	"table.open":  waiter,
	"table.clear": waiter,
	"table.move":  waiter,
	"table.merge": waiter,
	"table.call":  waiter | guest,
	"table.ack":   waiter,
	"cart.set":    waiter | guest,

	"order.place":    waiter | guest | channel,
	"order.add":      waiter,
	"order.accept":   staff,
	"order.reject":   staff,
	"order.cancel":   staff | guest,
	"order.void":     nobody,
	"item.hold":      waiter | kitchen | expo,
	"item.fire":      waiter | kitchen | expo,
	"item.start":     waiter | kitchen | expo,
	"item.bump":      waiter | kitchen | expo,
	"item.recall":    waiter | kitchen | expo,
	"item.serve":     waiter | kitchen | expo,
	"item.void":      waiter | kitchen | expo,
	"order.rush":     expo | dispatcher,
	"order.hand_off": expo | dispatcher,
	"order.assign":   expo | dispatcher,
	"order.deliver":  expo | dispatcher,

	"stock.count":   kitchen,
	"stock.restock": kitchen,
	"stock.out":     kitchen,
	"stock.in":      kitchen,
	"stock.hold":    kitchen,
	"stock.release": nobody,

	"bill.split":      waiter | cashier | guest,
	"bill.discount":   nobody,
	"bill.print":      waiter | cashier,
	"payment.create":  waiter | cashier | guest,
	"payment.confirm": waiter | cashier | guest,
	"payment.cancel":  waiter | cashier | guest,
	"payment.refund":  nobody,

	"menu.draft":    nobody,
	"menu.publish":  nobody,
	"channel.pause": nobody,
	"day.close":     nobody,
	"ticket.print":  kitchen | expo,

	"alert.ack":        kitchen,
	"workorder.assign": kitchen,
	"workorder.done":   kitchen,
	"sensor.calibrate": kitchen,

	"topic:order":    staff | guest | channel,
	"topic:table":    staff | guest,
	"topic:kitchen":  kitchen | expo,
	"topic:dispatch": dispatcher | expo,
	"topic:floor":    waiter | cashier,
	"topic:menu":     everyone,
	"topic:stock":    kitchen,
	"topic:sensors":  kitchen,
	"topic:store":    everyone,
	"topic:printers": kitchen,
	"topic:pass":     kitchen | expo,
	"topic:nodes":    nobody, // and not for managers either: adminOnly

	"rest:menu:read":       everyone,
	"rest:order:read":      staff | guest | channel,
	"rest:orders:read":     staff,
	"rest:history:read":    nobody,
	"rest:table:read":      staff | guest,
	"rest:tables:read":     staff,
	"rest:codes:write":     waiter,
	"rest:stock:read":      kitchen,
	"rest:sensors:read":    kitchen,
	"rest:workorders:read": kitchen,
	"rest:stores:read":     staff | device,
	"rest:stores:write":    nobody, // adminOnly
	"rest:users:read":      nobody,
	"rest:users:write":     nobody, // a manager's: those of the own stores, below managers
	"rest:roles:read":      nobody,
	"rest:roles:write":     nobody, // adminOnly
	"rest:audit:read":      nobody,
	"rest:cluster:read":    nobody, // adminOnly
	"rest:metrics:read":    nobody, // adminOnly
	"rest:profiles:read":   nobody, // adminOnly
	"rest:backup:read":     nobody, // adminOnly
	"rest:haccp:read":      nobody,
	"rest:reports:read":    nobody,
	"rest:webhooks:read":   nobody,
	"rest:webhooks:write":  nobody,
	"rest:events:read":     nobody,
}

// adminOnly is what managers may not do either.
var adminOnly = map[string]bool{"topic:nodes": true, "rest:stores:write": true, "rest:roles:write": true, "rest:cluster:read": true,
	"rest:metrics:read": true, "rest:profiles:read": true, "rest:backup:read": true}

// Permissions returns every permission there is, sorted.
func Permissions() []string { return slices.Sorted(maps.Keys(permissions)) }

// Known says that there is such a permission; for a command, that there is such a command.
func Known(permission string) bool {
	_, ok := permissions[permission]
	return ok
}

// May says that p has the permission: a command's name, topic:<name>, rest:<noun>:read
// or rest:<noun>:write.
func (p *Principal) May(permission string) bool {
	table := *p.table.Load()
	for _, r := range p.Roles {
		if table[r][permission] {
			return true
		}
	}
	return false
}

// RoleMay says that somebody with that role alone has the permission, as it is built in.
func RoleMay(r command.Role, permission string) bool { return builtIn[r][permission] }

// Scope is whose things a right reaches, in the stores that a token names.
type Scope uint8

const (
	None  Scope = iota
	Own         // a guest's own table and orders, a partner's own orders
	Store       // everybody's
)

// Scope returns how far p's right to something reaches.
func (p *Principal) Scope(permission string) Scope {
	switch {
	case !p.May(permission):
		return None
	case p.IsGuest(), p.IsChannel():
		return Own
	}
	return Store
}

// RoleScope is Scope for somebody with that role alone, as it is built in.
func RoleScope(r command.Role, permission string) Scope {
	switch {
	case !RoleMay(r, permission):
		return None
	case r == command.Guest, r == command.Channel:
		return Own
	}
	return Store
}

// Privileged says that it is a command which is always written to the audit: managers
// alone may use it, or it takes away what a guest ordered.
func Privileged(name string) bool {
	who, ok := permissions[name]
	return ok && who == nobody && !strings.Contains(name, ":") || name == "item.void"
}
