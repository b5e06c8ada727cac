package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is what became of a round, as it is kept.
type result struct {
	Scenario string    `json:"scenario"`
	Round    int       `json:"round"`
	At       time.Time `json:"at"`
	TookS    float64   `json:"took_s"`
	Detail   string    `json:"detail"`

	Command string `json:"command"`
	Commit  string `json:"commit"`
	Machine string `json:"machine"`
	Load    string `json:"load"` // of the machine, when it began
	Links   string `json:"links"`
	Nodes   int    `json:"nodes"`
	Stores  int    `json:"stores"`
	Clients int    `json:"clients"`

	Happened map[string]int `json:"happened"` // faults by kind
	Acked    int            `json:"acked"`    // commands
	Orders   int            `json:"orders"`   // acknowledged ones
	Payments int            `json:"payments"`
	Repeats  int            `json:"repeats"` // commands that were sent again under their id
	Retried  int            `json:"retried"`

	Histories int `json:"histories"`
	Undecided int `json:"undecided"`

	AgainMS   int64 `json:"again_ms"`   // until every store answered
	LongestMS int64 `json:"longest_ms"` // that a client waited
	HealedMS  int64 `json:"healed_ms"`  // until the boards were right

	Waits map[string][]int64 `json:"waits_by"` // ms, of each store and fault that it felt, by the fault's kind

	// Found is how often each invariant was broken, and Faults says how.
	Found  map[string]int `json:"found"`
	Faults []string       `json:"faults,omitempty"`
}

// invariants are the names of what is checked, as the round's line and the report have them.
var invariants = []struct{ name, short, what string }{
	{"I1", "oversold", "no dish gave more than it had: at rest in the log, and in every client's history (porcupine, per dish)"},
	{"I2", "lost", "every acknowledged order and payment is in the log, under the number that it was told"},
	{"I3", "twice", "an order has one fate: no number is given twice, no order is left without an answer, and its history is linearizable (porcupine, per order)"},
	{"I4", "answered in two ways", "a command repeated under its id at another node gets the first answer, byte for byte"},
	{"I5", "owed", "at rest no entity owes another anything, and each dish's reservations are those of its orders"},
	{"I6", "stale", "a read that starts after an acknowledgement never goes back (porcupine; reads at another node)"},
	{"I7", "ticket entries wrong", "each fired item is on the kitchen's board once, under its fire_seq"},
	{"I8", "charged twice", "a payment is in one bill, once"},
	{"I9", "boards wrong", "every node's boards equal the log's fold within 5 s of healing: kitchen, stations, dispatch, floor, stock, menu"},
	{"I10", "feeds wrong", "screens that were pushed to all the while, and resumed, show what the log says; sequences ascend"},
	{"I11", "bills wrong", "what a bill says was paid is the sum of its payments less refunds"},
	{"log", "log damaged", "every log folds to the snapshots and heads beside it (brigata verify)"},
	{"place", "cells astray", "a minute after nodes came, left or were restarted, each has the cells that rendezvous gives it, and nothing else has moved for good"},
	{"time", "too slow", "every store answers within 5 s of a kill; what is planned fails no request and pauses nobody for more than 500 ms"},
}

func (r *result) found(name string, list []string) {
	if len(list) == 0 {
		return
	}
	r.Found[name] += len(list)
	short := name
	for _, i := range invariants {
		if i.name == name {
			short = i.name + ", " + i.short
		}
	}
	r.Faults = append(r.Faults, fmt.Sprintf("%d %s (%s)", len(list), short, strings.Join(list[:min(len(list), 3)], "; ")))
}

// String is the round's line.
func (r *result) String() string {
	verdict := "ok"
	if len(r.Faults) > 0 {
		verdict = "FAILED: " + strings.Join(r.Faults, ", ")
	}
	return fmt.Sprintf("%-9s %d  %s; %d stores, %d acknowledged (%d orders), %d lost, %d twice, %d oversold, %d stale, %d histories (%d undecided), every store answers after %.1f s, longest %d ms, %d retried, boards right after %.1f s: %s",
		r.Scenario, r.Round, r.Detail, r.Stores, r.Acked, r.Orders, r.Found["I2"], r.Found["I3"], r.Found["I1"], r.Found["I6"], r.Histories, r.Undecided,
		float64(r.AgainMS)/1000, r.LongestMS, r.Retried, float64(r.HealedMS)/1000, verdict)
}

// keep appends the result to a file of results.
func (r *result) keep(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	b, err := json.Marshal(r)
	if err == nil {
		_, err = f.Write(append(b, '\n'))
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// readResults reads a file of results.
func readResults(file string) (all []result, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, len(all)+1, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// machine names what the rounds ran on.
func machine() string {
	model := "unknown processor"
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d × %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// loadNow is the machine's load average of the last minute.
func loadNow() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// percentile of times that need not be sorted; 0 of none.
func percentile(all []int64, percent int) int64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
