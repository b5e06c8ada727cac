package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
)

// WorkOrderQuery asks for a page of work orders, the newest first. Zero values do not narrow.
type WorkOrderQuery struct {
	State    string
	From, To time.Time // when it was opened: From ≤ opened < To
	Limit    int       // 1 to 200
	Cursor   string    // an earlier answer's next
}

type seriesParams struct {
	Store  string    `path:"store" maxLength:"64" doc:"The store's id"`
	ID     string    `path:"id" maxLength:"64"`
	From   time.Time `query:"from" doc:"Measured at or after"`
	To     time.Time `query:"to" doc:"Measured before"`
	StepMS int64     `query:"step_ms" doc:"300000 (goes back a day) or 3600000 (a month); by default as fine as from allows"`
}

type workOrderList struct {
	Store  string    `path:"store" maxLength:"64" doc:"The store's id"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string    `query:"cursor" maxLength:"256" doc:"An earlier answer's next"`
	State  string    `query:"state" enum:"open,assigned,done"`
	From   time.Time `query:"from" doc:"Opened at or after"`
	To     time.Time `query:"to" doc:"Opened before"`
}

func (s *Server) sensorRoutes(api huma.API) {
	const tag = "sensors"
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/sensors", tag: tag, permission: "rest:sensors:read",
		summary: "All sensors", reply: page[sensor.View]{}}, s.listSensors)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/sensors/{id}", tag: tag, permission: "rest:sensors:read",
		summary: "A sensor, with an ETag", reply: sensor.View{}}, s.getSensor)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/sensors/{id}/series", tag: tag, permission: "rest:sensors:read",
		summary: "What a sensor has measured", reply: sensor.SeriesReply{}}, s.getSeries)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/workorders", tag: tag, permission: "rest:workorders:read",
		summary: "Work orders, the newest first", reply: page[workorder.View]{}}, s.listWorkOrders)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/workorders/{id}", tag: tag, permission: "rest:workorders:read",
		summary: "A work order, with an ETag", reply: workorder.View{}}, s.getWorkOrder)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/reports/haccp", tag: "reports", permission: "rest:haccp:read",
		summary: "Temperatures by the hour, and what was done about alerts", types: []string{"text/csv", "application/pdf"}}, s.getHACCP)
}

func (s *Server) listSensors(c *call, _ *storeParams) *refusal.Refusal {
	var items []byte
	for _, x := range s.config.Engine.Today(c.store).Config.Sensors {
		a := s.read(c.Context(), readClass(c.who), c.store, command.Target{Kind: "sensor", ID: x.ID})
		switch {
		case a.Refusal != nil && a.Refusal.Code == refusal.NotFound:
			continue // told in a moment
		case a.Refusal != nil:
			return a.Refusal
		}
		if len(items) > 0 {
			items = append(items, ',')
		}
		items = wire.AppendView(items, a.View, wire.Staff)
	}
	c.json(http.StatusOK, appendItems(items, ""))
	return nil
}

func (s *Server) getSensor(c *call, in *idParams) *refusal.Refusal {
	id := in.ID
	if !menu.IsName(id) {
		return notFound("sensor", id)
	}
	return s.getEntity(c, command.Target{Kind: "sensor", ID: id})
}

func (s *Server) getWorkOrder(c *call, in *idParams) *refusal.Refusal {
	id := in.ID
	if !wire.IsUUID(id) {
		return notFound("workorder", id)
	}
	return s.getEntity(c, command.Target{Kind: "workorder", ID: id})
}

// getEntity answers with an entity's view as the staff see it; its version is the ETag.
func (s *Server) getEntity(c *call, t command.Target) *refusal.Refusal {
	a := s.read(c.Context(), readClass(c.who), c.store, t)
	if a.Refusal != nil {
		return a.Refusal
	}
	c.ResponseWriter.Header().Set("Cache-Control", "private, no-cache")
	if !c.matches(`"` + strconv.FormatInt(a.V, 10) + `"`) {
		c.json(http.StatusOK, wire.AppendView(nil, a.View, wire.Staff))
	}
	return nil
}

func (s *Server) getSeries(c *call, in *seriesParams) *refusal.Refusal {
	id := in.ID
	if !menu.IsName(id) {
		return notFound("sensor", id)
	}
	q := sensor.Query{Sensor: id, From: in.From, To: in.To, StepMS: in.StepMS}
	a := s.series(c.Context(), c.store, &q)
	if a.Refusal != nil {
		return a.Refusal
	}
	c.json(http.StatusOK, a.D)
	return nil
}

// series asks a sensor for what it has measured: the reply's JSON is the answer's D.
func (s *Server) series(ctx context.Context, storeID string, q *sensor.Query) actors.Answer {
	return s.ask(ctx, staffWork, &actors.Request{Store: storeID, Target: command.Target{Kind: "sensor", ID: q.Sensor}, Command: q, Dry: true,
		Deadline: s.now().Add(deadlineDefault)})
}

func (s *Server) listWorkOrders(c *call, in *workOrderList) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	q := WorkOrderQuery{State: in.State, Cursor: in.Cursor, Limit: in.Limit, From: in.From, To: in.To}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	list, next, err := s.config.Archive.WorkOrders(ctx, c.store, q)
	if err != nil {
		return s.fault("list work orders", err)
	}
	var items []byte
	for i, v := range list {
		if i > 0 {
			items = append(items, ',')
		}
		items = wire.AppendView(items, v, wire.Staff)
	}
	c.json(http.StatusOK, appendItems(items, next))
	return nil
}

// decodeSeries reads a sensor's answer.
func decodeSeries(d []byte) (*sensor.SeriesReply, error) {
	r := new(sensor.SeriesReply)
	return r, json.Unmarshal(d, r)
}
