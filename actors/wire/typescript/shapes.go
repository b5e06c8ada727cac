package main

import (
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/table"
)

// What package wire appends by hand has no Go type; these say how it looks. A test
// holds them to what the appenders write.
type (
	Ticket struct {
		ID        string       `json:"id"`
		Order     string       `json:"order"`
		No        int          `json:"no"`
		Station   string       `json:"station"`
		Course    int          `json:"course"`
		State     string       `json:"state"`
		Type      string       `json:"type"`
		Channel   string       `json:"channel"`
		Label     string       `json:"label"`
		Server    string       `json:"server,omitzero"`
		Guests    int          `json:"guests,omitzero"`
		Round     int          `json:"round,omitzero"`
		Rush      bool         `json:"rush"`
		Note      string       `json:"note,omitzero"`
		FiredAt   time.Time    `json:"fired_at,omitzero"`
		PromiseAt time.Time    `json:"promise_at,omitzero"`
		WarnAt    time.Time    `json:"warn_at,omitzero"`
		LateAt    time.Time    `json:"late_at,omitzero"`
		DoneAt    time.Time    `json:"done_at,omitzero"`
		HurriedAt time.Time    `json:"hurried_at,omitzero"`
		Override  bool         `json:"override,omitzero"`
		Also      []Also       `json:"also"`
		Items     []TicketItem `json:"items"`
	}
	Also struct {
		Station string `json:"station"`
		Open    int    `json:"open"`
	}
	TicketItem struct {
		ID        string          `json:"id"`
		FireSeq   int             `json:"fire_seq"`
		Dish      string          `json:"dish"`
		Name      menu.Text       `json:"name"`
		Combo     *menu.Text      `json:"combo,omitzero"`
		Qty       int             `json:"qty"`
		VoidQty   int             `json:"void_qty"`
		State     order.ItemState `json:"state"`
		Bumped    bool            `json:"bumped"`
		Seat      int             `json:"seat,omitzero"`
		Note      string          `json:"note,omitzero"`
		PrepMS    int64           `json:"prep_ms"`
		Mods      []Mod           `json:"mods"`
		Allergies []menu.Allergen `json:"allergies"`
		AddedAt   time.Time       `json:"added_at,omitzero"`
		VoidAt    time.Time       `json:"void_at,omitzero"`
		FireAt    time.Time       `json:"fire_at,omitzero"`
		Flag      string          `json:"flag,omitzero"`
	}
	Mod struct {
		Kind string    `json:"kind"`
		Name menu.Text `json:"name"`
		Qty  int       `json:"qty"`
	}
	Dispatch struct {
		Order        string         `json:"order"`
		No           int            `json:"no"`
		Type         string         `json:"type"`
		Channel      string         `json:"channel"`
		Label        string         `json:"label"`
		Code         string         `json:"code,omitzero"`
		State        string         `json:"state"`
		Delivery     string         `json:"delivery,omitzero"`
		Guests       int            `json:"guests,omitzero"`
		Rush         bool           `json:"rush"`
		Paid         bool           `json:"paid"`
		Stations     []DispatchAt   `json:"stations"`
		Items        []DispatchItem `json:"items"`
		Shelf        string         `json:"shelf,omitzero"`
		Driver       *order.Driver  `json:"driver,omitzero"`
		Contact      *order.Contact `json:"contact,omitzero"`
		PromiseAt    time.Time      `json:"promise_at,omitzero"`
		ReadyAt      time.Time      `json:"ready_at,omitzero"`
		EtaAt        time.Time      `json:"eta_at,omitzero"`
		OverriddenBy string         `json:"overridden_by,omitzero"`
	}
	DispatchAt struct {
		Station string `json:"station"`
		Open    int    `json:"open"`
		Ready   int    `json:"ready"`
	}
	DispatchItem struct {
		ID    string          `json:"id"`
		Name  menu.Text       `json:"name"`
		Qty   int             `json:"qty"`
		State order.ItemState `json:"state"`
	}
	Floor struct {
		ID       string       `json:"id"`
		Name     string       `json:"name"`
		Area     string       `json:"area"`
		Seats    int          `json:"seats"`
		X        int          `json:"x"`
		Y        int          `json:"y"`
		W        int          `json:"w"`
		H        int          `json:"h"`
		Shape    string       `json:"shape"`
		State    table.Status `json:"state"`
		Phase    string       `json:"phase,omitzero"`
		Session  string       `json:"session,omitzero"`
		Guests   int          `json:"guests,omitzero"`
		SeatedAt time.Time    `json:"seated_at,omitzero"`
		Server   *command.Who `json:"server,omitzero"`
		Orders   int          `json:"orders"`
		Items    order.Counts `json:"items"`
		Late     bool         `json:"late"`
		Currency string       `json:"currency"`
		Due      int64        `json:"due"`
		Calls    []table.Call `json:"calls"`
	}
	Availability struct {
		Available bool      `json:"available"`
		Left      int64     `json:"left,omitzero"`
		Until     time.Time `json:"until,omitzero"`
	}
)

// What other parts of the server push, as the protocol's pages define it.
type (
	Printer struct {
		ID         string     `json:"id"`
		Name       string     `json:"name,omitzero"`
		Station    string     `json:"station,omitzero"`
		State      string     `json:"state"`
		Queued     int        `json:"queued"`
		OldestAt   time.Time  `json:"oldest_at,omitzero"`
		Error      string     `json:"error,omitzero"`
		ReroutedTo string     `json:"rerouted_to,omitzero"`
		Last       *PrintedAs `json:"last,omitzero"`
	}
	PrintedAs struct {
		Job   string    `json:"job"`
		Order string    `json:"order"`
		Copy  int       `json:"copy"`
		At    time.Time `json:"at"`
	}
	Pass struct {
		ID     string    `json:"id"`
		Asset  string    `json:"asset"`
		Dishes float64   `json:"dishes"`
		Cold   float64   `json:"cold_c,omitzero"`
		At     time.Time `json:"at"`
	}
	Node struct {
		ID            string    `json:"id"`
		Name          string    `json:"name"`
		Kind          string    `json:"kind"`
		Address       string    `json:"address"`
		Version       string    `json:"version"`
		State         string    `json:"state"`
		StartedAt     time.Time `json:"started_at"`
		Epoch         int64     `json:"epoch"`
		LeaseMS       int64     `json:"lease_ms"`
		Cells         int       `json:"cells"`
		Stores        []string  `json:"stores"`
		Connections   int       `json:"connections"`
		Store         string    `json:"store,omitzero"`
		Link          string    `json:"link,omitzero"`
		Backlog       int       `json:"backlog,omitzero"`
		Model         string    `json:"model,omitzero"`
		ClockOffsetMS int64     `json:"clock_offset_ms,omitzero"`
	}
)

// What is said about the connection itself.
type (
	Session struct {
		Session string         `json:"session"`
		User    string         `json:"user"`
		Name    string         `json:"name,omitzero"`
		Store   string         `json:"store,omitzero"`
		Stores  []string       `json:"stores,omitzero"`
		Roles   []command.Role `json:"roles"`
		Table   string         `json:"table,omitzero"`
		Guest   string         `json:"guest,omitzero"`
		TTL     int            `json:"ttl"`
		Ping    int            `json:"ping"`
		Now     time.Time      `json:"now"`
		Limits  SessionLimits  `json:"limits"`
	}
	SessionLimits struct {
		Message       int `json:"message"`
		Subscriptions int `json:"subscriptions"`
		Inflight      int `json:"inflight"`
		Rate          int `json:"rate"`
		Burst         int `json:"burst"`
	}
	Refusal struct {
		Code    refusal.Code   `json:"code"`
		Message string         `json:"message"`
		Fields  refusal.Fields `json:"fields"`
		Retry   bool           `json:"retry"`
		AfterMS int64          `json:"after_ms"`
	}
)
