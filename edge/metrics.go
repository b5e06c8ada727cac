package edge

import (
	"fmt"
	"net/http"
)

// getMetrics tells Prometheus how the box is, in the text format: a library for it would be
// larger than the box.
func (b *Box) getMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	r := b.Report()
	full := 0
	if r.Full {
		full = 1
	}
	for _, m := range []struct {
		name, kind, help string
		value            any
	}{
		{"links", "gauge", "Nodes that the box is linked with.", r.Links},
		{"devices", "gauge", "Devices that are connected over MQTT.", r.Devices},
		{"sensors", "gauge", "Sensors that the box knows of its store.", r.Sensors},
		{"alerts", "gauge", "Sensors that are in an alert.", r.Alerts},
		{"backlog", "gauge", "Windows that wait for the cell.", r.Backlog},
		{"store_bytes", "gauge", "Bytes of the windows that wait.", r.Used},
		{"store_max_bytes", "gauge", "Bytes that may wait.", r.Most},
		{"store_full", "gauge", "1 while no more can wait.", full},
		{"taken_total", "counter", "Readings that were taken.", r.Taken},
		{"repeated_total", "counter", "Readings that had been taken before.", r.Repeated},
		{"malformed_total", "counter", "Messages that are no reading.", r.Malformed},
		{"unknown_total", "counter", "Messages of sensors that the store does not have.", r.Unknown},
		{"absurd_total", "counter", "Readings that cannot be.", r.Absurd},
		{"skewed_total", "counter", "Readings of devices whose clock is off.", r.Skewed},
		{"lost_total", "counter", "Readings that devices skipped.", r.Lost},
		{"refused_total", "counter", "Log-ins of devices that were refused.", r.Refused},
		{"denied_total", "counter", "Messages and subscriptions that are not the device's.", r.Denied},
		{"raw_bytes_total", "counter", "Bytes of readings that were taken.", r.Raw},
		{"models_installed_total", "counter", "Models that took the place of another.", r.ModelsIn},
		{"models_refused_total", "counter", "Models that were not let in: not signed well, of another schema, older, or wrong about golden windows.", r.ModelsNo},
		{"models_taken_back_total", "counter", "Models that did not judge as the one before, and went again.", r.ModelsOut},
		{"models_learnt_total", "counter", "Copies of the model, trained on what people found, that took its place.", r.Learnt},
		{"models_kept_total", "counter", "Copies that were not better, and did not.", r.Kept},
		{"model_drifts_total", "counter", "Times that machines were not as they were: for a sense, or for how sure the model is.", r.Drifts},
		{"sent_bytes_total", "counter", "Bytes that were made of them.", r.Sent},
	} {
		fmt.Fprintf(w, "# HELP brigata_box_%s %s\n# TYPE brigata_box_%s %s\nbrigata_box_%s %v\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
