package auth

import (
	"maps"
	"slices"

	"github.com/brigata/brigata/actors/command"
)

// roles is a set of roles. Manager may do everything in its store and admin
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
	"payment.create":  waiter | cashier | guest,
	"payment.confirm": waiter | cashier,
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
	"topic:nodes":    nobody, // and not for managers either: adminOnly

	"rest:menu:read":     everyone,
	"rest:order:read":    staff | guest | channel,
	"rest:orders:read":   staff,
	"rest:history:read":  nobody,
	"rest:stores:read":   staff,  // stations, areas, tables and reasons are in it
	"rest:stores:write":  nobody, // adminOnly
	"rest:metrics:read":  nobody, // adminOnly
	"rest:profiles:read": nobody, // adminOnly
}

// adminOnly is what managers may not do either.
var adminOnly = map[string]bool{"topic:nodes": true, "rest:stores:write": true, "rest:metrics:read": true, "rest:profiles:read": true}

// Permissions returns every permission there is, sorted.
func Permissions() []string { return slices.Sorted(maps.Keys(permissions)) }

// Known says that there is such a permission; for a command, that there is such a command.
func Known(permission string) bool {
	_, ok := permissions[permission]
	return ok
}

// May says that p has the permission: a command's name, topic:<name> or rest:<noun>:read.
func (p *Principal) May(permission string) bool {
	who, ok := permissions[permission]
	switch {
	case !ok:
		return false
	case p.roles&admin != 0:
		return true
	case p.roles&manager != 0:
		return !adminOnly[permission]
	}
	return p.roles&who != 0
}

// RoleMay says that somebody with that role alone has the permission.
func RoleMay(r command.Role, permission string) bool {
	return (&Principal{roles: roleBits[r]}).May(permission)
}
