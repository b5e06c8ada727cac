package edge

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/edge/mqtt"
)

// listen serves devices, over MQTT and over HTTP.
func (b *Box) listen() error {
	if b.o.MQTT != "" {
		l, err := net.Listen("tcp", b.o.MQTT)
		if err != nil {
			return fmt.Errorf("listen for devices: %w", err)
		}
		if b.o.MQTTTLS != nil {
			l = tls.NewListener(l, b.o.MQTTTLS)
		}
		b.mqtt = mqtt.Serve(l, mqtt.Options{PacketMax: payloadMax, Login: func(user, password string) *mqtt.Rights {
			if d := b.o.device(user, password); d != nil {
				return d.rights()
			}
			return nil
		}, Take: func(topic string, body []byte, done func()) {
			b.intake.take(item{sensor: strings.TrimPrefix(topic, deviceTopic), came: b.o.Now(), body: body, done: done}, true)
		}})
	}
	if b.o.HTTP == "" {
		return nil
	}
	return b.listenHTTP()
}

// listenHTTP serves devices that have no MQTT: POST /v1/readings/{sensor} with the
// device's name and password, a body as over MQTT, 204 once it is on disk.
func (b *Box) listenHTTP() error {
	l, err := net.Listen("tcp", b.o.HTTP)
	if err != nil {
		return fmt.Errorf("listen for devices: %w", err)
	}
	b.address = l.Addr()
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/readings/{sensor}", b.postReading)
	m.HandleFunc("POST /v1/pass/{sensor}", b.postPass)
	m.HandleFunc("GET /v1/pass/{sensor}", b.getPass)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /status", b.getStatus)
	m.HandleFunc("GET /metrics", b.getMetrics)
	b.http = &http.Server{Handler: m, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	b.tasks.Go(func() { b.http.Serve(l) })
	return nil
}

func (b *Box) postReading(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("sensor")
	if !b.mayPost(r, id) {
		unauthorised(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, payloadMax-1024))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		b.counts.malformed.Add(1)
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil || !json.Valid(body) {
		b.counts.malformed.Add(1)
		http.Error(w, "not a reading", http.StatusBadRequest)
		return
	}
	kept := make(chan struct{})
	if !b.intake.take(item{sensor: id, came: b.o.Now(), body: body, done: func() { close(kept) }}, false) {
		busy(w)
		return
	}
	late := time.NewTimer(publishIn)
	defer late.Stop()
	select {
	case <-kept:
	case <-late.C:
		busy(w)
		return
	case <-r.Context().Done():
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the box cannot keep it now", http.StatusServiceUnavailable)
}

func (b *Box) mayPost(r *http.Request, id string) bool {
	user, password, ok := r.BasicAuth()
	if !ok || !menu.IsName(id) {
		b.counts.refused.Add(1)
		return false
	}
	d := b.o.device(user, password)
	switch {
	case d == nil:
		b.counts.refused.Add(1)
	case !slices.Contains(d.Sensors, id):
		b.counts.denied.Add(1)
	default:
		return true
	}
	return false
}

func (b *Box) getStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	report := b.Report()
	json.NewEncoder(w).Encode(&report)
}
