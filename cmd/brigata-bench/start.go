package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/brigata/brigata/persistence/ports"
)

// Start measures how long a node takes from its process's start till it is ready: with
// an empty data folder, where it loads the demo store, and with what that left behind.
type Start struct {
	Brigata string `arg:"" default:"bin/brigata" help:"The server's binary."`
	Rounds  int    `default:"5" help:"Medians are reported."`
	JSON    bool   `name:"json" help:"One JSON object a line instead of a table."`
}

// readyWithin is more than any start takes; readyEvery is how often it is asked for.
const (
	readyWithin = 30 * time.Second
	readyEvery  = 2 * time.Millisecond
)

// Run runs it.
func (s *Start) Run(ctx context.Context) error {
	r := report{workload: "start"}
	for range s.Rounds {
		data, err := os.MkdirTemp("", "brigata-bench")
		if err != nil {
			return err
		}
		for _, metric := range []string{"first_ready_ms", "again_ready_ms"} {
			took, err := s.once(ctx, filepath.Join(data, "data"))
			if err != nil {
				os.RemoveAll(data)
				return err
			}
			r.add("brigata-sqlite", metric, ms(took), "ms")
		}
		os.RemoveAll(data)
	}
	if s.JSON {
		return r.json(os.Stdout)
	}
	r.table(os.Stdout)
	return nil
}

// once starts a node, waits until it is ready, and ends it.
func (s *Start) once(ctx context.Context, data string) (time.Duration, error) {
	addr, err := ports.Address(1)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, s.Brigata, "serve", "--data", data, "--listen", addr)
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	for time.Since(began) < readyWithin && ctx.Err() == nil {
		if ready("http://" + addr + "/readyz") {
			return time.Since(began), nil
		}
		time.Sleep(readyEvery)
	}
	return 0, fmt.Errorf("%s is not ready after %s", s.Brigata, readyWithin)
}

func ready(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}
