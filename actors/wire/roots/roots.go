// Package roots lists what the journal holds: every event and the state of every kind
// of entity. From it the generator writes event.proto and the codec; a number once
// given is never given again.
package roots

import (
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

// Events of all kinds, in the order in which they were added; append only.
var Events = []any{
	&store.Configured{}, &store.Seeded{}, &store.NumberTaken{}, &store.ChannelPaused{}, &store.ChannelResumed{},
	&store.DateBegan{}, &store.DayClosed{}, &store.Took{},
	&menu.Drafted{}, &menu.Published{},
	&stock.Made{}, &stock.Reserved{}, &stock.Released{}, &stock.Returned{}, &stock.CountSet{}, &stock.Scheduled{},
	&stock.Restocked{}, &stock.WentOut{}, &stock.CameIn{}, &stock.HeldBack{}, &stock.LetGone{}, &stock.DayBegan{},
	&payment.Began{}, &payment.WasClaimed{}, &payment.WasRefused{}, &payment.StaffCalled{}, &payment.Confirmed{},
	&payment.WasCancelled{}, &payment.ClaimReturned{}, &payment.WasCredited{}, &payment.GaveBack{}, &payment.RefundBooked{},
	&payment.StoreTold{}, &payment.WasRehomed{},
	&order.Sent{}, &order.TableTook{}, &order.StockGave{}, &order.StockDenied{}, &order.TableDenied{}, &order.WasPlaced{},
	&order.WasAccepted{}, &order.Ended{}, &order.Moved{}, &order.ItemsVoided{}, &order.VoidSeen{}, &order.RushSet{},
	&order.LeftPass{}, &order.DriverSet{}, &order.DeliverySet{}, &order.LinesSent{}, &order.LinesAdded{}, &order.LinesRefused{},
	&order.DayCame{}, &order.Shorted{}, &order.TableKnows{}, &order.TableSaid{}, &order.PaymentNoted{}, &order.SplitSet{},
	&order.DiscountSet{},
	&table.Opened{}, &table.Cleared{}, &table.Cleaned{}, &table.PersonCame{}, &table.Rang{}, &table.CallAcked{},
	&table.CartChanged{}, &table.OrderJoined{}, &table.OrderChanged{}, &table.OrderHeard{}, &table.Reckoned{}, &table.SplitSet{},
	&table.DiscountSet{}, &table.PaymentNoted{}, &table.LeaveBegan{}, &table.LeaveEnded{}, &table.SessionCame{},
	&table.PaymentRehomed{},
	&order.WrittenOff{},
	&payment.WasStarted{}, &payment.WasDoubted{}, &payment.WasCharged{}, &payment.WasDeclined{}, &payment.CancelAsked{},
	&payment.QueryAsked{}, &payment.RefundEnded{}, &order.ReturnAsked{},
	&store.SensorTold{},
	&sensor.Configured{}, &sensor.Noted{}, &sensor.Suspected{}, &sensor.Calmed{}, &sensor.Alerted{}, &sensor.Worsened{},
	&sensor.Relapsed{}, &sensor.CameBack{}, &sensor.WasAcked{}, &sensor.WasEscalated{}, &sensor.WasResolved{},
	&sensor.Calibrated{}, &sensor.HealthSet{}, &sensor.WorkOrderTold{},
	&workorder.WasOpened{}, &workorder.Heard{}, &workorder.WasWarned{}, &workorder.HoldBegan{}, &workorder.DishHeld{},
	&workorder.DiscardProposed{}, &workorder.WasAssigned{}, &workorder.WasDone{},
	&order.DishFlagged{},
	&printer.Queued{}, &printer.Sending{}, &printer.WasPrinted{}, &printer.TryFailed{}, &printer.WentUnsure{}, &printer.WasRerouted{},
	&order.SlipsDue{}, &order.SlipTaken{},
	&order.PaidLate{}, &order.Revived{}, &order.StayedExpired{},
	&table.BillDue{}, &table.BillNamed{}, &table.BillTaken{},
	&payment.WasMischarged{},
}

// States by kind, for snapshots.
var States = []any{&store.State{}, &menu.State{}, &stock.State{}, &payment.State{}, &order.State{}, &table.State{}, &printer.State{},
	&sensor.State{}, &workorder.State{}}

// Parts are what a turn carries beside events.
var Parts = []any{&command.Who{}, &refusal.Refusal{}}

// Views are what nodes tell one another of their entities.
var Views = []any{&store.View{}, &menu.View{}, &stock.View{}, &payment.View{}, &order.View{}, &table.View{},
	&sensor.View{}, &workorder.View{}, &printer.View{}}
