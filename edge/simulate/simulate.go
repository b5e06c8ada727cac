// Package simulate plays the sensors of a kitchen over real MQTT: a walk-in whose door
// opens and that defrosts, a fridge, a freezer, and what can fail in them. Its promise:
// the same seed gives the same days. brigata sensors simulate and tests run it.
package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Options are what to play. Broker, User and Password are needed.
type Options struct {
	Broker         string // tcp://host:port of a box
	User, Password string
	For            time.Duration // of the sensors' time: 1 day
	Every          time.Duration // between readings of a sensor: 10 s
	Speed          float64       // times as fast as the clock; 0: as fast as the box takes it
	Start          time.Time     // of the sensors' time; zero: so that it ends now, or begins now at speed 1
	Failure        string        // of Machine
	Machine        string        // that fails; "": the first
	FailAfter      time.Duration
	Seed           uint64
	Machines       []*Machine // nil: Machines()
	Progress       func(at time.Time, sent int)
}

func (o *Options) ensureDefaults(now time.Time) error {
	if o.For == 0 {
		o.For = 24 * time.Hour
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	if o.Machines == nil {
		o.Machines = Machines()
	}
	if o.Machine == "" {
		o.Machine = o.Machines[0].Sensor
	}
	switch {
	case !slices.Contains(Failures, o.Failure):
		return fmt.Errorf("there is no failure %q: they are %v", o.Failure, Failures[1:])
	case !slices.ContainsFunc(o.Machines, func(m *Machine) bool { return m.Sensor == o.Machine }):
		return fmt.Errorf("there is no machine %q", o.Machine)
	case o.Every <= 0 || o.For <= 0 || o.Speed < 0:
		return errors.New("times and speed are above zero")
	}
	if o.Start.IsZero() {
		o.Start = now
		if o.Speed == 0 {
			o.Start = now.Add(-o.For)
		} else if o.Speed > 1 {
			o.Start = now.Add(-o.For + time.Duration(float64(o.For)/o.Speed))
		}
	}
	return nil
}

// inflight bounds what the box has not acknowledged.
const inflight = 256

// player is one run.
type player struct {
	o    *Options
	c    mqtt.Client
	r    *rand.Rand
	boot int64
	seq  map[string]int64
	wait []flight
	sent int
}

// flight is a message that the box has not acknowledged.
type flight struct {
	topic string
	body  []byte
	token mqtt.Token
}

// reading is a message as a device sends it.
type reading struct {
	Boot    int64    `json:"boot"`
	Seq     int64    `json:"seq"`
	At      int64    `json:"at"`
	Value   *float64 `json:"value,omitempty"`
	Defrost bool     `json:"defrost,omitempty"`
	Rate    float64  `json:"rate,omitempty"`
	Scale   float64  `json:"scale,omitempty"`
	Samples string   `json:"samples,omitempty"`
}

// Run plays until the time is over or ctx ends, and returns how many messages the box has
// acknowledged.
func Run(ctx context.Context, o Options) (int, error) {
	now := time.Now()
	if err := o.ensureDefaults(now); err != nil {
		return 0, err
	}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(o.Broker).SetClientID("simulate-" + o.User).SetUsername(o.User).SetPassword(o.Password).
		SetAutoReconnect(true).SetCleanSession(false).SetStore(mqtt.NewOrderedMemoryStore()).SetMaxReconnectInterval(time.Second).SetConnectTimeout(10 * time.Second).SetMaxResumePubInFlight(inflight))
	if t := c.Connect(); !t.WaitTimeout(15*time.Second) || t.Error() != nil {
		return 0, fmt.Errorf("the box at %s: %w", o.Broker, errors.Join(t.Error(), errNoConnection(t)))
	}
	defer c.Disconnect(250)
	p := &player{o: &o, c: c, r: rand.New(rand.NewPCG(o.Seed, 7)), boot: now.UnixMilli(), seq: map[string]int64{}}
	for _, m := range o.Machines {
		m.temp = (m.Low + m.High) / 2
	}
	for at := o.Start; at.Before(o.Start.Add(o.For)); at = at.Add(o.Every) {
		if o.Speed > 0 {
			due := now.Add(time.Duration(float64(at.Sub(o.Start)) / o.Speed))
			if err := until(ctx, due); err != nil {
				break
			}
		}
		if err := p.tick(ctx, at); err != nil {
			return p.sent, err
		}
		if o.Progress != nil {
			o.Progress(at, p.sent)
		}
	}
	return p.sent, p.drain(ctx, 0)
}

func errNoConnection(t mqtt.Token) error {
	if t.Error() == nil {
		return errors.New("no answer in time")
	}
	return nil
}

func until(ctx context.Context, due time.Time) error {
	d := time.Until(due)
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tick is one round of all sensors.
func (p *player) tick(ctx context.Context, at time.Time) error {
	for _, m := range p.o.Machines {
		failure, failing := None, at.Sub(p.o.Start)-p.o.FailAfter
		if m.Sensor == p.o.Machine && failing >= 0 {
			failure = p.o.Failure
		}
		m.step(p.o.Every, failure, failing, p.r)
		v := m.probe(failure, p.r)
		if err := p.send(ctx, m.Sensor, at, reading{Value: &v, Defrost: m.defrost > 0}); err != nil {
			return err
		}
		if !m.Extras {
			continue
		}
		door := 0.0
		if m.door > 0 {
			door = 1
		}
		watts := m.watts(failure, p.r)
		for _, x := range []struct {
			id string
			r  reading
		}{{"-door", reading{Value: &door}}, {"-power", reading{Value: &watts}},
			{"-vibration", reading{Rate: burstRate, Scale: burstScale, Samples: m.burst(failure, p.r)}}} {
			if err := p.send(ctx, m.Sensor+x.id, at, x.r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *player) send(ctx context.Context, id string, at time.Time, r reading) error {
	p.seq[id]++
	r.Boot, r.Seq, r.At = p.boot, p.seq[id], at.UnixMilli()
	b, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	topic := "brigata/" + id
	p.wait = append(p.wait, flight{topic, b, p.c.Publish(topic, 1, false, b)})
	return p.drain(ctx, inflight)
}

// drain waits until no more than most messages are not acknowledged. What a lost
// connection took is said again: the box knows it by its number.
func (p *player) drain(ctx context.Context, most int) error {
	for len(p.wait) > most {
		f := &p.wait[0]
		select {
		case <-f.token.Done():
		case <-ctx.Done():
			return nil
		}
		if f.token.Error() != nil {
			if until(ctx, time.Now().Add(100*time.Millisecond)) != nil {
				return nil
			}
			f.token = p.c.Publish(f.topic, 1, false, f.body)
			continue
		}
		p.sent++
		p.wait = p.wait[1:]
	}
	return nil
}
