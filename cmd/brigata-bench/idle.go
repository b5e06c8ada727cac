package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// W9: what a node needs of memory for who only waits, how long it takes to start, and
// how large it is.

func (s *suite) idle() error {
	for range s.Rounds {
		if err := s.connections(5000); err != nil {
			return err
		}
		if err := s.live(20_000); err != nil {
			return err
		}
	}
	info, err := os.Stat(s.Binary)
	if err != nil {
		return fmt.Errorf("the server's binary: %w", err)
	}
	s.report.add("brigata", "binary_bytes", float64(info.Size()), "B")
	return s.start()
}

// connections measures what the process grows by per connection that has logged in and
// watches the kitchen.
func (s *suite) connections(n int) error {
	h, err := s.node([][]byte{benchDocument("bench-0")})
	if err != nil {
		return err
	}
	defer h.end()
	c := &crowd{began: time.Now()}
	defer c.leave()
	if err := c.come(h, 100, 0, false); err != nil { // what the first ones need once
		return err
	}
	time.Sleep(time.Second)
	before := resident(h.cmd.Process.Pid)
	more := &crowd{began: time.Now()}
	defer more.leave()
	if err := more.come(h, n, 0, false); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	s.report.add("idle connection", "resident_bytes", float64(resident(h.cmd.Process.Pid)-before)/float64(n), "B")
	return nil
}

// live measures what the process grows by per order that lives.
func (s *suite) live(n int) error {
	h, err := s.node([][]byte{slowDocument()})
	if err != nil {
		return err
	}
	defer h.end()
	if err := h.fill(1000, 1000); err != nil {
		return err
	}
	before := resident(h.cmd.Process.Pid)
	if err := h.fill(n, n); err != nil {
		return err
	}
	s.report.add("live order", "resident_bytes", float64(resident(h.cmd.Process.Pid)-before)/float64(n), "B")
	return nil
}

// start measures how long it takes until a node is ready, as the command of that name.
func (s *suite) start() error {
	one := Start{Brigata: s.Binary}
	for range s.Rounds {
		data, err := os.MkdirTemp("", "brigata-bench")
		if err != nil {
			return err
		}
		for _, metric := range []string{"first_ready_ms", "again_ready_ms"} {
			took, err := one.once(s.ctx, filepath.Join(data, "data"))
			if err != nil {
				os.RemoveAll(data)
				return err
			}
			s.report.add("start", metric, ms(took), "ms")
		}
		os.RemoveAll(data)
	}
	return nil
}

// resident is a process's memory, as the kernel counts it, in bytes.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}
