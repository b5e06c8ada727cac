package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// W5: the menu over REST, whole, not modified, and its first level; over connections
// that stay. Beside it the figures of the article that this engine was asked for by,
// on its own machine: 45 ms, 980 reads a second.
const (
	articleMS  = 45
	articleQPS = 980
)

// reader reads one path over one connection, again and again.
type reader struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func (h *house) reader(query, etag string) (*reader, error) {
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		return nil, err
	}
	request := "GET /v1/stores/bench-0/menu" + query + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + h.token("bench-0", "waiter") + "\r\n"
	if etag != "" {
		request += "If-None-Match: " + etag + "\r\n"
	}
	return &reader{conn, bufio.NewReaderSize(conn, 64<<10), []byte(request + "\r\n")}, nil
}

// read reads once, and returns the status, the ETag and how long the body was.
func (r *reader) read() (status int, etag string, length int, err error) {
	if _, err := r.conn.Write(r.request); err != nil {
		return 0, "", 0, err
	}
	line, err := r.r.ReadSlice('\n')
	if err != nil {
		return 0, "", 0, err
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", 0, fmt.Errorf("%s", line)
	}
	for {
		if line, err = r.r.ReadSlice('\n'); err != nil {
			return 0, "", 0, err
		}
		if len(line) == 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		} else if v, ok := bytes.CutPrefix(line, []byte("Etag: ")); ok {
			etag = string(bytes.TrimSpace(v))
		}
	}
	_, err = io.CopyN(io.Discard, r.r, int64(length))
	return status, etag, length, err
}

func (s *suite) menu() error {
	h, err := s.node([][]byte{benchDocument("bench-0")})
	if err != nil {
		return err
	}
	defer h.end()
	r, err := h.reader("", "")
	if err != nil {
		return err
	}
	_, etag, length, err := r.read()
	if err != nil {
		return err
	}
	s.report.add("menu whole", "bytes", float64(length), "B")
	for _, c := range []struct {
		name, query, etag string
		status            int
	}{{"menu whole", "", "", 200}, {"menu not modified", "", etag, 304}, {"menu first level", "?depth=1", "", 200}} {
		for range s.Rounds {
			if err := s.reads(h, c.name, c.query, c.etag, c.status); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		s.report.add(c.name+"/article", "qps_ratio", s.report.median(c.name, "reads_per_s")/articleQPS, "1")
		s.report.add("article/"+c.name, "p99_ratio", articleMS/s.report.median(c.name, "p99_at_half_ms"), "1")
	}
	s.report.add("article", "reads_per_s", articleQPS, "1/s")
	s.report.add("article", "p99_ms", articleMS, "ms")
	return nil
}

// readers is the connections that read at once.
const readers = 16

// reads finds how many reads a second there can be, and then, at half of that, how long
// they take from when each was due.
func (s *suite) reads(h *house, name, query, etag string, status int) error {
	once := func(r *reader) error {
		got, _, _, err := r.read()
		if err == nil && got != status {
			err = fmt.Errorf("status %d", got)
		}
		return err
	}
	count, _, err := s.paced(h, query, etag, 0, once)
	if err != nil {
		return err
	}
	rate := float64(count) / s.Duration.Seconds()
	_, took, err := s.paced(h, query, etag, rate/2, once)
	if err != nil {
		return err
	}
	s.report.add(name, "reads_per_s", rate, "1/s")
	s.report.add(name, "p50_at_half_ms", ms(percentile(took, 0.5)), "ms")
	s.report.add(name, "p99_at_half_ms", ms(percentile(took, 0.99)), "ms")
	return nil
}

// paced reads for the suite's duration at a rate; 0 is as fast as it goes.
func (s *suite) paced(h *house, query, etag string, rate float64, once func(*reader) error) (int, []time.Duration, error) {
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	began := time.Now()
	for range readers {
		r, err := h.reader(query, etag)
		if err != nil {
			return 0, nil, err
		}
		all.Go(func() {
			defer r.conn.Close()
			var mine []time.Duration
			for {
				due := time.Now()
				if n := next.Add(1); rate > 0 {
					due = began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				if due.Sub(began) > s.Duration {
					break
				}
				if err := once(r); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(due))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	all.Wait()
	slices.Sort(took)
	if failed == nil && len(took) == 0 {
		failed = fmt.Errorf("nothing was read of %s", strings.TrimSpace(query))
	}
	return len(took), took, failed
}
