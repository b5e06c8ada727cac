// Package command is what every command, duty and answer carries, whatever entity
// it is for. It holds no rule of its own.
package command

import (
	"time"

	"github.com/brigata/brigata/actors/refusal"
)

// ID names one command: a lower-case UUIDv7 minted by the client. What a command
// creates takes its id.
type ID string

// Role says what somebody may do; the gateway's table of permissions reads it.
type Role string

const (
	Guest      Role = "guest"
	Waiter     Role = "waiter"
	Cashier    Role = "cashier"
	Kitchen    Role = "kitchen"
	Expo       Role = "expo"
	Dispatcher Role = "dispatcher"
	Manager    Role = "manager"
	Admin      Role = "admin"
	Device     Role = "device"
	Channel    Role = "channel"
)

// Who did it, as views and history show it. ID is never shown to guests.
type Who struct {
	ID   string `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	Role Role   `json:"role,omitzero"`
}

// Header is the part that every command has: who, when and under which id. The
// shell fills it; the rules only read it.
type Header struct {
	ID      ID        `json:"-"`
	At      time.Time `json:"-"` // UTC, never before the entity's last event
	By      Who       `json:"-"`
	Channel string    `json:"-"` // qr, pos, web or a partner's name, from the token
	Session string    `json:"-"` // a guest's table session, from the token
	Guest   string    `json:"-"` // a guest's own id, from the token
	Today   any       `json:"-"` // *store.Today, the store's current values; any, because store comes later
}

// Head gives the shell and the rules the header of any command: it comes by embedding.
func (h *Header) Head() *Header { return h }

// IsGuest says that nobody of the staff stands behind the command.
func (h *Header) IsGuest() bool { return h.By.Role == Guest }

// IsManager says that the command may do what only managers may.
func (h *Header) IsManager() bool { return h.By.Role == Manager || h.By.Role == Admin }

// Command is what all commands of all kinds have in common.
type Command interface{ Head() *Header }

// Tick is given to an entity when its due time has come.
type Tick struct{ Header }

// Target names an entity of the same cell.
type Target struct{ Kind, ID string }

// Duty is something an entity still owes another of its cell. It is sent until an
// Answered makes it disappear from what the entity owes; receivers are idempotent
// by (From, Do).
type Duty struct {
	To Target
	// N tells this duty from an earlier one of the same type to the same target,
	// such as a revision; 0 when there can be only one.
	N int64
	// Do is the command for the target. It may be of the sender's own package when
	// that package cannot import the target's: the shell converts it.
	Do any
}

// Answered brings back what became of a duty: a reply, or a refusal.
type Answered struct {
	Header
	Duty    Duty
	Reply   any
	Refusal *refusal.Refusal
}

// Later is the reply to a command whose answer waits for others: a later turn's
// reply is then a Settled that names it.
type Later struct{}

// Settled answers an earlier command that was told Later.
type Settled struct {
	ID      ID
	Reply   any
	Refusal *refusal.Refusal
}
