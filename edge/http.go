package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/actors/menu"
)

// listen serves devices that have no MQTT: POST /v1/readings/{sensor} with the device's
// name and password, a body as over MQTT, 204 once it is on disk.
func (b *Box) listen() error {
	if b.o.HTTP == "" {
		return nil
	}
	l, err := net.Listen("tcp", b.o.HTTP)
	if err != nil {
		return fmt.Errorf("listen for devices: %w", err)
	}
	b.address = l.Addr()
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/readings/{sensor}", b.postReading)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /status", b.getStatus)
	b.http = &http.Server{Handler: m, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	b.tasks.Go(func() { b.http.Serve(l) })
	return nil
}

func (b *Box) postReading(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("sensor")
	if !b.mayPost(r, id) {
		w.Header().Set("WWW-Authenticate", `Basic realm="brigata"`)
		http.Error(w, "not a device of this sensor", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, payloadMax-1024))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil || !json.Valid(body) {
		http.Error(w, "not a reading", http.StatusBadRequest)
		return
	}
	_, err = b.js.PublishMsg(r.Context(), &nats.Msg{Subject: rawSubject + id, Data: body}, jetstream.WithRetryAttempts(0))
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the box cannot keep it now", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *Box) mayPost(r *http.Request, id string) bool {
	user, password, ok := r.BasicAuth()
	if !ok || !menu.IsName(id) {
		return false
	}
	found := false
	for i := range b.o.Devices { // all of them: how long it takes tells nothing
		found = b.o.Devices[i].may(user, password, id) || found
	}
	return found
}

func (b *Box) getStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	report := b.Report()
	json.NewEncoder(w).Encode(&report)
}
